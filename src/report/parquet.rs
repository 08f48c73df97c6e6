//! Results as Parquet: the same names and values as in CSV, each column with its type.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

/// A table of results, in the form of our CSV, as a Parquet file. Columns are of whole numbers
/// (`INT64`), numbers (`DOUBLE`), truth values (`BOOLEAN`), or text (`STRING`) where nothing else
/// fits or a whole number has more than 63 bits; an empty cell is null.
///
/// # Panics
/// If `csv` is none: results are written by this program.
#[must_use]
pub fn parquet(csv: &str) -> Vec<u8> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names: Vec<String> =
        reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let mut columns: Vec<Column> = names.into_iter().map(Column::new).collect();
    for record in reader.records() {
        let record = record.expect("rows are as long as the header");
        for (column, cell) in columns.iter_mut().zip(&record) {
            column.cells.push((!cell.is_empty()).then(|| cell.to_owned()));
        }
    }
    write(&columns).expect("writing to memory, cells of the columns' types")
}

/// A column of text.
struct Column {
    name: String,
    cells: Vec<Option<String>>,
}

/// What all cells of a column are.
#[derive(Clone, Copy)]
enum Kind {
    Whole,
    Number,
    Truth,
    Text,
}

impl Column {
    const fn new(name: String) -> Self {
        Self { name, cells: Vec::new() }
    }

    fn present(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().flatten().map(String::as_str)
    }

    fn kind(&self) -> Kind {
        let all = |fits: fn(&str) -> bool| self.present().all(fits);
        let is_empty = self.present().next().is_none();
        match () {
            () if is_empty => Kind::Text,
            () if all(|cell| cell.parse::<i64>().is_ok()) => Kind::Whole,
            () if all(is_number) => Kind::Number,
            () if all(|cell| cell.parse::<bool>().is_ok()) => Kind::Truth,
            () => Kind::Text,
        }
    }

    fn schema(&self) -> Result<Type, ParquetError> {
        let (physical, logical) = match self.kind() {
            Kind::Whole => (Physical::INT64, None),
            Kind::Number => (Physical::DOUBLE, None),
            Kind::Truth => (Physical::BOOLEAN, None),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        Type::primitive_type_builder(&self.name, physical)
            .with_logical_type(logical)
            .with_repetition(Repetition::OPTIONAL)
            .build()
    }

    fn write(&self, writer: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        /// Values of cells that were seen to have them.
        fn values<T: std::str::FromStr>(column: &Column) -> Vec<T> {
            let value = |cell: &str| cell.parse().ok().expect("the kind was told by the cells");
            column.present().map(value).collect()
        }
        let levels: Vec<i16> = self.cells.iter().map(|cell| i16::from(cell.is_some())).collect();
        let levels = Some(levels.as_slice());
        match writer {
            ColumnWriter::Int64ColumnWriter(to) => to.write_batch(&values(self), levels, None),
            ColumnWriter::DoubleColumnWriter(to) => to.write_batch(&values(self), levels, None),
            ColumnWriter::BoolColumnWriter(to) => to.write_batch(&values(self), levels, None),
            ColumnWriter::ByteArrayColumnWriter(to) => {
                let values: Vec<ByteArray> = self.present().map(ByteArray::from).collect();
                to.write_batch(&values, levels, None)
            }
            _ => unreachable!("the schema has no other types"),
        }?;
        Ok(())
    }
}

/// Whether a cell is a number of JSON that a double holds; names such as `inf` and `nan` are not.
fn is_number(cell: &str) -> bool {
    let is_exact = cell.contains(['.', 'e']) || cell.parse::<i64>().is_ok();
    let begins = cell.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    is_exact && begins && cell.parse::<f64>().is_ok()
}

fn write(columns: &[Column]) -> Result<Vec<u8>, ParquetError> {
    let fields = columns.iter().map(|column| column.schema().map(Arc::new));
    let fields = fields.collect::<Result<_, _>>()?;
    let schema = Type::group_type_builder("results").with_fields(fields).build()?;
    let properties = WriterProperties::builder().set_created_by("rxplan".to_owned()).build();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for column in columns {
        let mut writer = group.next_column()?.expect("a writer for each column");
        column.write(writer.untyped())?;
        writer.close()?;
    }
    group.close()?;
    file.into_inner()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    fn read(csv: &str) -> (Vec<String>, Vec<Vec<Field>>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&parquet(csv)).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let fields = reader.metadata().file_metadata().schema().get_fields().to_vec();
        let names = fields.iter().map(|field| field.name().to_owned()).collect();
        let rows = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap().get_column_iter().map(|(_, field)| field.clone()).collect());
        (names, rows.collect())
    }

    #[test]
    fn columns_have_the_types_of_their_cells() {
        let (names, rows) = read(
            "queue,rate,is_full,why,none,large,mixed\n\
             0,0.0,true,\"a, b\",,18446744073709551615,1\n\
             7,1e-3,false,12,,3,2.5\n\
             ,,,,,,\n",
        );
        assert_eq!(names, ["queue", "rate", "is_full", "why", "none", "large", "mixed"]);
        let text = |text: &str| Field::Str(text.to_owned());
        let expected = [
            [
                Field::Long(0),
                Field::Double(0.0),
                Field::Bool(true),
                text("a, b"),
                Field::Null,
                text("18446744073709551615"),
                Field::Double(1.0),
            ],
            [
                Field::Long(7),
                Field::Double(0.001),
                Field::Bool(false),
                text("12"),
                Field::Null,
                text("3"),
                Field::Double(2.5),
            ],
            [const { Field::Null }; 7],
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn what_is_no_number_in_json_is_text() {
        let (_, rows) = read("a,b\ninf,1\nnan,x\n");
        assert_eq!(rows[0], [Field::Str("inf".to_owned()), Field::Str("1".to_owned())]);
    }

    #[test]
    fn a_table_without_rows_has_its_columns() {
        let (names, rows) = read("a,b\n");
        assert_eq!((names.len(), rows.len()), (2, 0));
    }
}
