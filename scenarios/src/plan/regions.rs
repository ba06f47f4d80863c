//! Regions of the world and the delays between them: published tables, and matrices of the user's own.

use super::PlanError;
use crate::{
    spec::{Latency, Table},
    units::Nanos,
};

/// A region.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its name, as selectors and weights use it.
    pub name: String,
    /// Its share of the table's own population, as a weight.
    pub weight: u32,
    /// Where it is drawn: degrees east and north. None for regions of a user's matrix.
    pub place: Option<(f64, f64)>,
}

/// Regions and the one-way delays between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Regions {
    list: Vec<Region>,
    /// Row by row, symmetric.
    one_way: Vec<Nanos>,
}

impl Regions {
    /// The regions that a latency model speaks of: a single one, named `world`, where it knows none.
    ///
    /// # Errors
    /// When a user's matrix is damaged, with its line.
    pub(super) fn of(latency: &Latency, matrix: impl Fn(&str) -> Option<String>) -> Result<Self, PlanError> {
        match latency {
            Latency::Fixed(_) | Latency::Drawn(_) => Ok(Self::one()),
            Latency::Regions(regions) => Ok(Self::table(regions.table)),
            Latency::Matrix(given) => {
                let path = "spec.network.latency.matrix.file";
                let text = matrix(&given.file).ok_or_else(|| {
                    PlanError::new(path, format!("there is no text in the file `{}`", given.file))
                })?;
                Self::read(&text).map_err(|why| PlanError::new(path, format!("`{}`: {why}", given.file)))
            }
        }
    }

    /// A single one, named `world`, for latency models that know none.
    #[must_use]
    pub fn one() -> Self {
        let world = Region { name: "world".to_owned(), weight: 1, place: None };
        Self { list: vec![world], one_way: vec![Nanos::ZERO] }
    }

    /// A published table.
    #[must_use]
    pub fn table(table: Table) -> Self {
        let (regions, milliseconds): (&[Entry], &[u32]) = match table {
            Table::Ethereum => (&ETHEREUM, &ETHEREUM_ONE_WAY),
            Table::Aws2024 => (&AWS, &AWS_ROUND_TRIP),
            Table::Simblock2019 => (&SIMBLOCK, &SIMBLOCK_ONE_WAY),
        };
        let list = regions.iter().map(|&(name, weight, place)| Region {
            name: name.to_owned(),
            weight,
            place: Some(place),
        });
        let list: Vec<_> = list.collect();
        let n = list.len();
        // Round trips are halved; where the two directions were measured apart, their mean serves both.
        let halves: u64 = if table == Table::Aws2024 { 4 } else { 2 };
        let cell = |a: usize, b: usize| {
            u64::from(milliseconds[a * n + b] + milliseconds[b * n + a]) * 1_000_000 / halves
        };
        let one_way = (0..n * n).map(|i| Nanos(cell(i / n, i % n))).collect();
        Self { list, one_way }
    }

    /// A user's matrix: `from,A,B` and then `A,1.5,80` and so on, one-way milliseconds.
    fn read(text: &str) -> Result<Self, String> {
        let mut lines =
            text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let (_, header) = lines.next().ok_or("it is empty; it begins with a line `from,REGION,REGION,…`")?;
        let names: Vec<String> = header.split(',').skip(1).map(|name| name.trim().to_owned()).collect();
        if names.is_empty() || names.len() > 200 {
            return Err(format!("it has {} regions; 1 to 200 are possible", names.len()));
        }
        let n = names.len();
        let mut cells = vec![None; n * n];
        for (number, line) in lines {
            let mut fields = line.split(',').map(str::trim);
            let from = fields.next().unwrap_or_default();
            let row = names.iter().position(|name| name == from);
            let row = row.ok_or_else(|| format!("line {}: the header has no region `{from}`", number + 1))?;
            for (column, field) in fields.enumerate() {
                let wrong = || {
                    format!("line {}: `{field}` is not a delay in milliseconds from 0 to 60000", number + 1)
                };
                let milliseconds: f64 = field.parse().map_err(|_| wrong())?;
                if !(0.0..=60_000.0).contains(&milliseconds) {
                    return Err(wrong());
                }
                let cell = cells.get_mut(row * n + column).filter(|_| column < n);
                *cell.ok_or_else(|| format!("line {}: there are more delays than regions", number + 1))? =
                    Some((milliseconds * 1e6) as u64);
            }
        }
        let at = |a: usize, b: usize| cells[a * n + b].or(cells[b * n + a]);
        let mut one_way = Vec::with_capacity(n * n);
        for (a, from) in names.iter().enumerate() {
            for (b, to) in names.iter().enumerate() {
                let there =
                    at(a, b).ok_or_else(|| format!("the delay from `{from}` to `{to}` is missing"))?;
                one_way.push(Nanos(there / 2 + at(b, a).unwrap_or(there) / 2));
            }
        }
        let list = names.into_iter().map(|name| Region { name, weight: 1, place: None }).collect();
        Ok(Self { list, one_way })
    }

    /// All of them.
    #[must_use]
    pub fn list(&self) -> &[Region] {
        &self.list
    }

    /// The index of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.list.iter().position(|region| region.name == name)
    }

    /// The one-way delay between two regions, or within one.
    #[inline]
    #[must_use]
    pub fn one_way(&self, from: usize, to: usize) -> Nanos {
        self.one_way[from * self.list.len() + to]
    }
}

/// A region of a table: its name, its population and its place in degrees east and north.
type Entry = (&'static str, u32, (f64, f64));

/// Population and place of Ethereum nodes' regions (libp2p/test-plans, gossipsub-interop/network_graph.py).
const ETHEREUM: [Entry; 8] = [
    ("australia", 290, (147.0, -33.0)),
    ("east-asia", 1059, (121.0, 34.0)),
    ("europe", 5599, (10.0, 50.0)),
    ("na-west", 1240, (-120.0, 40.0)),
    ("na-east", 2894, (-77.0, 39.0)),
    ("south-america", 36, (-50.0, -20.0)),
    ("south-africa", 47, (25.0, -28.0)),
    ("west-asia", 161, (46.0, 30.0)),
];

/// One-way milliseconds, from the same file.
#[rustfmt::skip]
const ETHEREUM_ONE_WAY: [u32; 64] = [
      2, 110, 165, 110, 150, 190, 220, 180,
    110,   4, 125, 100, 140, 175, 175, 110,
    165, 125,   2, 110,  70, 140,  95,  60,
    110, 100, 110,   2,  60, 100, 160, 150,
    150, 140,  70,  60,   2, 100, 130, 110,
    190, 175, 140, 100, 100,   7, 195, 145,
    220, 175,  95, 160, 130, 190,   7, 110,
    180, 110,  60, 150, 110, 145, 110,   5,
];

/// AWS regions at their cities.
const AWS: [Entry; 10] = [
    ("us-east-1", 1, (-77.5, 39.0)),
    ("us-west-2", 1, (-119.7, 45.8)),
    ("sa-east-1", 1, (-46.6, -23.5)),
    ("eu-west-1", 1, (-6.3, 53.3)),
    ("eu-central-1", 1, (8.7, 50.1)),
    ("af-south-1", 1, (18.4, -33.9)),
    ("ap-south-1", 1, (72.9, 19.1)),
    ("ap-southeast-1", 1, (103.8, 1.3)),
    ("ap-northeast-1", 1, (139.7, 35.7)),
    ("ap-southeast-2", 1, (151.2, -33.9)),
];

/// Median round trips in milliseconds, as cloudping measured them.
#[rustfmt::skip]
const AWS_ROUND_TRIP: [u32; 100] = [
      6,  64, 115,  70,  93, 228, 193, 220, 150, 200,
     64,   3, 175, 118, 143, 275, 222, 160,  98, 141,
    115, 175,   3, 179, 205, 339, 302, 328, 259, 312,
     70, 119, 178,   3,  27, 160, 126, 179, 202, 256,
     93, 142, 204,  27,   4, 156, 129, 160, 227, 251,
    226, 273, 337, 158, 155,   4, 272, 314, 357, 409,
    190, 222, 301, 125, 129, 274,   3,  64, 133, 155,
    219, 161, 328, 179, 161, 317,  64,   4,  71,  95,
    150,  99, 258, 202, 228, 358, 134,  71,   3, 107,
    200, 141, 312, 256, 252, 409, 155,  95, 106,   4,
];

/// Population of Bitcoin nodes in 2019, in tenths of a per cent (SimBlock).
const SIMBLOCK: [Entry; 6] = [
    ("north-america", 332, (-98.0, 40.0)),
    ("europe", 500, (10.0, 50.0)),
    ("south-america", 9, (-58.0, -20.0)),
    ("asia-pacific", 118, (104.0, 18.0)),
    ("japan", 22, (138.0, 37.0)),
    ("australia", 20, (147.0, -33.0)),
];

/// One-way milliseconds in 2019, from the same.
#[rustfmt::skip]
const SIMBLOCK_ONE_WAY: [u32; 36] = [
     32, 124, 184, 198, 151, 189,
    124,  11, 227, 237, 252, 294,
    184, 227,  88, 325, 301, 322,
    198, 237, 325,  85,  58, 198,
    151, 252, 301,  58,  12, 126,
    189, 294, 322, 198, 126,  16,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_symmetric_and_whole() {
        for table in [Table::Ethereum, Table::Aws2024, Table::Simblock2019] {
            let regions = Regions::table(table);
            let n = regions.list().len();
            assert_eq!(regions.one_way.len(), n * n);
            for (a, b) in (0..n).flat_map(|a| (0..n).map(move |b| (a, b))) {
                assert_eq!(regions.one_way(a, b), regions.one_way(b, a));
                assert!(regions.one_way(a, b) >= Nanos::from_millis(1));
            }
        }
        let aws = Regions::table(Table::Aws2024);
        let between = |a: &str, b: &str| aws.one_way(aws.find(a).unwrap(), aws.find(b).unwrap());
        assert_eq!(between("us-east-1", "eu-west-1"), Nanos::from_millis(35));
        assert_eq!(between("us-west-2", "eu-west-1"), Nanos(59_250_000));
    }

    #[test]
    fn a_matrix_is_read_or_says_where_it_is_wrong() {
        let regions = Regions::read("from,a,b\na,1,20.5\nb,20.5,2\n").unwrap();
        assert_eq!(regions.one_way(0, 1), Nanos(20_500_000));
        let uneven = Regions::read("from,a,b\na,1,10\nb,30,2\n").unwrap();
        assert_eq!([(0, 1), (1, 0)].map(|(a, b)| uneven.one_way(a, b)), [Nanos::from_millis(20); 2]);
        let half = Regions::read("from,a,b\na,1\nb,30,2\n").unwrap();
        assert_eq!(half.one_way(0, 1), Nanos::from_millis(30));
        assert_eq!(
            Regions::read("from,a,b\na,1,2\nb,,2\n").unwrap_err(),
            "line 3: `` is not a delay in milliseconds from 0 to 60000"
        );
        assert_eq!(Regions::read("from,a,b\na,1,2\n").unwrap_err(), "the delay from `b` to `b` is missing");
        assert_eq!(
            Regions::read("from,a\na,1,2\n").unwrap_err(),
            "line 2: there are more delays than regions"
        );
        assert_eq!(Regions::read("from,a\nx,1\n").unwrap_err(), "line 2: the header has no region `x`");
    }
}
