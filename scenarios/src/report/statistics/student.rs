//! Student's distribution, by the regularised incomplete beta function.

/// Terms of the continued fraction at the most; it needs about the root of the degrees of freedom.
const MOST_TERMS: u32 = 100_000;

/// Halvings of a bracket: more than a double has bits.
const HALVINGS: u32 = 200;

/// The chance that a variable of Student's distribution lies at least as far from nought as `t`, on either side: the p-value
/// of a two-sided test with so many degrees of `freedom`.
///
/// `I(ν / (ν + t²); ν/2, 1/2)`, Abramowitz and Stegun 26.7.1. `t` may be infinite.
#[must_use]
pub fn two_sided(t: f64, freedom: f64) -> f64 {
    if t == 0.0 {
        return 1.0;
    }
    incomplete_beta(0.5 * freedom, 0.5, freedom / (freedom + t * t))
}

/// How far from nought a variable of Student's distribution stays with the chance `level`: the factor of an interval with
/// that level of confidence. For one side with the chance p, ask for the level `2p - 1`.
#[must_use]
pub fn critical(level: f64, freedom: f64) -> f64 {
    falling_through(1.0 - level, |t| two_sided(t, freedom))
}

/// The same of the normal distribution, Student's with boundless freedom.
#[must_use]
pub fn normal_critical(level: f64) -> f64 {
    falling_through(1.0 - level, normal_two_sided)
}

/// The chance that a standard normal variable lies at least as far from nought as `z`.
pub(super) fn normal_two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Where a function that falls from 1 at nought towards nought passes `level`, by bisection.
fn falling_through(level: f64, function: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while function(high) > level && high < f64::MAX / 4.0 {
        high *= 2.0;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if function(middle) > level {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function `I(x; a, b)`, by the continued fraction DLMF 8.17.22 in the form of Lentz
/// (Press et al., *Numerical Recipes*, 3rd edition, section 6.4).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    // The fraction converges fast on this side; on the other the complement does.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let front = libm::exp(
        libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x),
    );
    front * continued_fraction(a, b, x) / a
}

fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    // Lentz's method divides by partial results, which must not be nought.
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for term in 1..=MOST_TERMS {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for coefficient in [even, odd] {
            d = 1.0 / away(1.0 + coefficient * d);
            c = away(1.0 + coefficient / c);
            step = c * d;
            fraction *= step;
        }
        if (step - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two-sided 95 % and 99 %, as every table has them (NIST/SEMATECH e-Handbook, section 1.3.6.7.2).
    #[test]
    fn critical_values_are_those_of_the_tables() {
        let table = [
            (1.0, 12.706, 63.657),
            (2.0, 4.303, 9.925),
            (4.0, 2.776, 4.604),
            (9.0, 2.262, 3.250),
            (19.0, 2.093, 2.861),
            (30.0, 2.042, 2.750),
            (100.0, 1.984, 2.626),
            (1e7, 1.960, 2.576),
        ];
        for (freedom, at_95, at_99) in table {
            assert!((critical(0.95, freedom) - at_95).abs() < 5.1e-4, "{freedom}");
            assert!((critical(0.99, freedom) - at_99).abs() < 5.1e-4, "{freedom}");
        }
        assert!((normal_critical(0.95) - 1.959_963_985).abs() < 1e-8);
    }

    /// With one degree of freedom it is Cauchy's distribution, and with two it has a closed form as well.
    #[test]
    fn chances_agree_with_closed_forms() {
        for t in [0.01, 0.5, 1.0, 3.0, 40.0, 1e4] {
            let cauchy = 1.0 - libm::atan(t) * 2.0 / std::f64::consts::PI;
            assert!((two_sided(t, 1.0) - cauchy).abs() < 1e-12, "{t}");
            let two = 1.0 - t / (2.0 + t * t).sqrt();
            assert!((two_sided(t, 2.0) - two).abs() < 1e-12, "{t}");
        }
        assert_eq!((two_sided(0.0, 5.0), two_sided(f64::INFINITY, 5.0)), (1.0, 0.0));
    }
}
