//! Every showing of a post as a row, for those who want to count for themselves: CSV, or Parquet
//! (<https://parquet.apache.org/docs/file-format/>).
//!
//! Rows are written while the run lasts, in order of time, and held in memory for one group of rows at the most. The same run
//! gives the same bytes.

use std::{
    io::{self, BufWriter, Write},
    sync::Arc,
};

use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};
use peerlab_scenarios::{
    host::Peer,
    plan::Plan,
    report::{Fact, Route},
    units::Nanos,
};

/// How facts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text, readable everywhere.
    Csv,
    /// Columns, a third as large, with types.
    Parquet,
}

impl Format {
    /// The file's name in the run folder.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Csv => "facts.csv",
            Self::Parquet => "facts.parquet",
        }
    }
}

/// Why facts could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{file} could not be written: {why}")]
pub struct FactsError {
    file: &'static str,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Parquet(#[from] ParquetError),
}

/// The columns, as Parquet has them. Times are nanoseconds of virtual time.
const SCHEMA: &str = "message showings {
    required int64 time_ns;
    required binary workload (string);
    required int32 room (integer(32, false));
    required int32 author (integer(32, false));
    required int32 seq (integer(32, false));
    required int32 reader (integer(32, false));
    required int64 latency_ns;
    required int64 held_ns;
    required int32 hops (integer(8, false));
    required binary route (string);
}";

const HEADER: &str = "time_ns,workload,room,author,seq,reader,latency_ns,held_ns,hops,route\n";

/// Rows of one group: large enough to compress well, small enough to hold.
const GROUP: usize = 1 << 16;

/// Writes the facts of a run.
#[derive(Debug)]
pub struct FactWriter {
    format: Format,
    workloads: Vec<String>,
    file: Target,
    /// What went wrong first; nothing is written after it.
    broken: Option<Why>,
}

/// Where facts go: a file, as a rule.
type Sink = Box<dyn Write + Send>;

enum Target {
    Csv(BufWriter<Sink>),
    Parquet { writer: Box<SerializedFileWriter<Sink>>, rows: Vec<Row> },
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Csv(_) => "Csv",
            Self::Parquet { .. } => "Parquet",
        })
    }
}

/// A post shown to a reader.
#[derive(Clone, Copy, Debug)]
struct Row {
    time: Nanos,
    workload: u8,
    room: u32,
    author: Peer,
    seq: u32,
    reader: Peer,
    latency: Nanos,
    held: Nanos,
    hops: u8,
    route: Route,
}

impl FactWriter {
    /// Begins to write the facts of a run of `plan` into an empty file, or what takes its place, as one that `program` wrote.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new(
        format: Format,
        file: impl Write + Send + 'static,
        plan: &Plan,
        program: &str,
    ) -> Result<Self, FactsError> {
        let mut file: Sink = Box::new(file);
        let workloads = plan.workloads.iter().map(|workload| workload.name.clone()).collect();
        let begun = match format {
            Format::Csv => file
                .write_all(HEADER.as_bytes())
                .map(|()| Target::Csv(BufWriter::new(file)))
                .map_err(Why::from),
            Format::Parquet => parquet_writer(file, program)
                .map(|writer| Target::Parquet { writer: Box::new(writer), rows: Vec::with_capacity(GROUP) })
                .map_err(Why::from),
        };
        let file = begun.map_err(|why| FactsError { file: format.file(), why })?;
        Ok(Self { format, workloads, file, broken: None })
    }

    /// Takes in a fact of a peer: showings are written, others passed over.
    pub fn record(&mut self, now: Nanos, peer: Peer, fact: &Fact) {
        let Fact::Shown { workload, room, author, seq, posted, held, hops, route } = *fact else { return };
        if self.broken.is_some() {
            return;
        }
        let latency = now.saturating_sub(posted);
        let row = Row { time: now, workload, room, author, seq, reader: peer, latency, held, hops, route };
        let written = match &mut self.file {
            Target::Csv(out) => write_line(out, &self.workloads, &row).map_err(Why::from),
            Target::Parquet { writer, rows } => {
                rows.push(row);
                if rows.len() < GROUP {
                    return;
                }
                let written = write_group(writer, &self.workloads, rows);
                rows.clear();
                written.map_err(Why::from)
            }
        };
        self.broken = written.err();
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When the system refused, now or before.
    pub fn finish(self) -> Result<(), FactsError> {
        let Self { format, workloads, file, broken } = self;
        let done = match (broken, file) {
            (Some(why), _) => Err(why),
            (None, Target::Csv(mut out)) => out.flush().map_err(Why::from),
            (None, Target::Parquet { mut writer, rows }) => {
                let rest = if rows.is_empty() { Ok(()) } else { write_group(&mut writer, &workloads, &rows) };
                rest.and_then(|()| writer.close().map(|_| ())).map_err(Why::from)
            }
        };
        done.map_err(|why| FactsError { file: format.file(), why })
    }
}

const fn route_name(route: Route) -> &'static str {
    match route {
        Route::Overlay => "overlay",
        Route::CatchUp => "catchUp",
        Route::HeldForCatchUp => "heldForCatchUp",
    }
}

fn write_line(out: &mut impl Write, workloads: &[String], row: &Row) -> io::Result<()> {
    let Row { time, workload, room, author, seq, reader, latency, held, hops, route } = row;
    let (workload, route) = (&workloads[usize::from(*workload)], route_name(*route));
    let (time, author, reader, latency, held) = (time.0, author.0, reader.0, latency.0, held.0);
    writeln!(out, "{time},{workload},{room},{author},{seq},{reader},{latency},{held},{hops},{route}")
}

fn parquet_writer(file: Sink, program: &str) -> Result<SerializedFileWriter<Sink>, ParquetError> {
    let schema = parse_message_type(SCHEMA)?;
    let properties = WriterProperties::builder()
        .set_created_by(format!("{program} version {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::SNAPPY);
    SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties.build()))
}

/// Writes a group of rows, column by column in the order of [`SCHEMA`].
fn write_group(
    writer: &mut SerializedFileWriter<Sink>,
    workloads: &[String],
    rows: &[Row],
) -> Result<(), ParquetError> {
    let names: Vec<ByteArray> = workloads.iter().map(|name| name.as_str().into()).collect();
    let routes = [Route::Overlay, Route::CatchUp, Route::HeldForCatchUp]
        .map(|route| ByteArray::from(route_name(route)));
    let mut group = writer.next_row_group()?;
    column::<Int64Type>(&mut group, rows, |row| row.time.0 as i64)?;
    column::<ByteArrayType>(&mut group, rows, |row| names[usize::from(row.workload)].clone())?;
    column::<Int32Type>(&mut group, rows, |row| row.room as i32)?;
    column::<Int32Type>(&mut group, rows, |row| row.author.0 as i32)?;
    column::<Int32Type>(&mut group, rows, |row| row.seq as i32)?;
    column::<Int32Type>(&mut group, rows, |row| row.reader.0 as i32)?;
    column::<Int64Type>(&mut group, rows, |row| row.latency.0 as i64)?;
    column::<Int64Type>(&mut group, rows, |row| row.held.0 as i64)?;
    column::<Int32Type>(&mut group, rows, |row| i32::from(row.hops))?;
    column::<ByteArrayType>(&mut group, rows, |row| routes[row.route as usize].clone())?;
    group.close().map(|_| ())
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Sink>,
    rows: &[Row],
    value: impl Fn(&Row) -> T::T,
) -> Result<(), ParquetError> {
    let values: Vec<T::T> = rows.iter().map(value).collect();
    let mut column = group.next_column()?.expect("the schema has as many columns");
    column.typed::<T>().write_batch(&values, None, None)?;
    column.close()
}
