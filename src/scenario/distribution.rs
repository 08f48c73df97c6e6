//! Reading distributions: a constant, or a table with `dist`.

use super::document::Value;
use super::error::ScenarioError;
use super::keys::{DISTRIBUTIONS, Of};
use super::quantity::{Field, Fields};
use crate::input::trace::{CdfUnit, read_cdf};
use crate::model::distribution::{Distribution, Empirical};
use crate::units::to_f64;

type Result<T> = std::result::Result<T, ScenarioError>;

/// The mixes called IMIX: name, then sizes (frames without FCS) and weights.
///
/// TRex has 7:5:1 (`scripts/stl/imix.py` of cisco-system-traffic-generator/trex-core). "Simple
/// IMIX" has 7:4:1 of IP packets of 40, 576 and 1500 bytes (atheurer/trafficgen pull request 42,
/// after Wikipedia's "Internet Mix"; iperf's pull request 1576 has the same weights).
pub(super) const IMIX: [(&str, [(u64, f64); 3]); 3] =
    [("imix", TREX), ("imix-trex", TREX), ("imix-simple", [(60, 7.0), (590, 4.0), (1514, 1.0)])];

const TREX: [(u64, f64); 3] = [(60, 28.0), (590, 20.0), (1514, 4.0)];

/// Reads a distribution of `of`.
pub(super) fn read(field: &Field<'_>, of: Of) -> Result<Distribution> {
    if !field.is_table() {
        return constant(field, of);
    }
    let names: Vec<&str> = DISTRIBUTIONS.iter().map(|(name, _)| *name).collect();
    let tag = field.member("dist").ok_or_else(|| {
        field.error(&format!("has no 'dist'; write dist = one of {}", names.join(", ")))
    })?;
    let (name, keys) = DISTRIBUTIONS[tag.choice(&names)?];
    let fields = field.tagged_fields(keys, "dist")?;
    let distribution = match name {
        "exponential" => Distribution::Exponential { mean: positive(&fields, "mean", of)? },
        "uniform" => uniform(&fields, of)?,
        "lognormal" => lognormal(&fields, of)?,
        "pareto" => pareto(&fields, of)?,
        "weibull" => {
            Distribution::Weibull { scale: positive(&fields, "scale", of)?, shape: shape(&fields)? }
        }
        "hyperexponential" => hyperexponential(&fields, of)?,
        "geometric" => geometric(&tag, &fields, of)?,
        _ => empirical(&fields, of)?,
    };
    Ok(distribution)
}

/// Reads a distribution of times whose mean is finite.
pub(super) fn read_times(field: &Field<'_>) -> Result<Distribution> {
    let distribution = read(field, Of::Times)?;
    if distribution.mean().is_finite() {
        Ok(distribution)
    } else {
        Err(field.error(
            "has an infinite mean; give a Pareto distribution a max or a shape above 1, others \
             a larger shape",
        ))
    }
}

/// Reads a distribution of times whose mean is finite and above zero.
pub(super) fn read_positive_times(field: &Field<'_>) -> Result<Distribution> {
    let distribution = read_times(field)?;
    if distribution.mean() > 0.0 {
        Ok(distribution)
    } else {
        Err(field.error("is always zero; its mean must be above zero"))
    }
}

fn constant(field: &Field<'_>, of: Of) -> Result<Distribution> {
    match of {
        Of::Times => Ok(Distribution::Constant(field.time()?.as_ps())),
        Of::Counts => Ok(Distribution::Constant(field.count(1, u64::from(u32::MAX))?)),
        Of::Sizes if field.is_text() && field.text()?.starts_with("imix") => {
            let (_, mix) = IMIX[field.choice(&IMIX.map(|(name, _)| name))?];
            let total: f64 = mix.iter().map(|(_, weight)| weight).sum();
            Ok(Distribution::Discrete {
                values: mix.iter().map(|(size, _)| *size).collect(),
                weights: mix.iter().map(|(_, weight)| weight / total).collect(),
            })
        }
        Of::Sizes => Ok(Distribution::Constant(frame_size(field)?)),
    }
}

fn frame_size(field: &Field<'_>) -> Result<u64> {
    let size = field.positive_size()?;
    if size > u64::from(u32::MAX) {
        return Err(field.error("is more than 4 GiB; a frame is far shorter"));
    }
    Ok(size)
}

/// A value of the distribution's kind: a quantity with its unit, or a bare number of packets.
fn value(field: &Field<'_>, of: Of) -> Result<f64> {
    match of {
        Of::Times => field.time().map(|time| to_f64(time.as_ps())),
        Of::Sizes => field.size().map(to_f64),
        Of::Counts => field.number("a number of packets, at least 0", |number| number >= 0.0),
    }
}

fn positive(fields: &Fields<'_>, name: &'static str, of: Of) -> Result<f64> {
    let field = fields.require(name)?;
    let value = value(&field, of)?;
    if value > 0.0 { Ok(value) } else { Err(field.error("is zero; it must be above zero")) }
}

fn shape(fields: &Fields<'_>) -> Result<f64> {
    fields.require("shape")?.number("a number above 0 and at most 100", |n| n > 0.0 && n <= 100.0)
}

fn uniform(fields: &Fields<'_>, of: Of) -> Result<Distribution> {
    let whole = |name| -> Result<u64> {
        let field = fields.require(name)?;
        match of {
            Of::Times => field.time().map(|time| time.as_ps()),
            Of::Sizes => field.size(),
            Of::Counts => field.count(0, u64::from(u32::MAX)),
        }
    };
    let (min, max) = (whole("min")?, whole("max")?);
    if max < min {
        return Err(fields.require("max")?.error("is below min; write the larger value here"));
    }
    Ok(Distribution::Uniform { min, max })
}

/// Quantile 0.99 of the standard normal distribution.
const NORMAL_P99: f64 = 2.326_347_874_040_841;

fn lognormal(fields: &Fields<'_>, of: Of) -> Result<Distribution> {
    let (median, p99) = (fields.get("median"), fields.get("p99"));
    let (mean, cv) = (fields.get("mean"), fields.get("cv"));
    match (median, p99, mean, cv) {
        (Some(_), Some(p99), None, None) => {
            let (median, high) = (positive(fields, "median", of)?, positive(fields, "p99", of)?);
            if high < median {
                return Err(p99.error("is below the median; write the larger value here"));
            }
            Ok(Distribution::LogNormal {
                mu: median.ln(),
                sigma: (high / median).ln() / NORMAL_P99,
            })
        }
        (None, None, Some(_), Some(cv)) => {
            let mean = positive(fields, "mean", of)?;
            let cv = cv.number("a number from 0 to 100", |cv| (0.0..=100.0).contains(&cv))?;
            let variance = (1.0 + cv * cv).ln();
            Ok(Distribution::LogNormal { mu: mean.ln() - variance / 2.0, sigma: variance.sqrt() })
        }
        _ => Err(fields.error("dist", "needs median and p99, or mean and cv")),
    }
}

fn pareto(fields: &Fields<'_>, of: Of) -> Result<Distribution> {
    let min = positive(fields, "min", of)?;
    let max = match fields.get("max") {
        None => None,
        Some(field) => match value(&field, of)? {
            max if max > min => Some(max),
            _ => return Err(field.error("is not above min; write the larger value here")),
        },
    };
    let shape = match (fields.get("shape"), fields.get("hurst")) {
        // Taqqu, Willinger and Sherman, ACM CCR 27(2), 1997: on-off sources whose periods have this
        // tail index add up to traffic with that Hurst parameter.
        (None, Some(hurst)) => {
            3.0 - 2.0 * hurst.number("a number above 0.5 and below 1", |h| h > 0.5 && h < 1.0)?
        }
        (Some(_), Some(hurst)) => {
            return Err(hurst.error("says the same as shape; give one of the two"));
        }
        _ => shape(fields)?,
    };
    Ok(Distribution::Pareto { min, shape, max })
}

fn hyperexponential(fields: &Fields<'_>, of: Of) -> Result<Distribution> {
    let list = |name| -> Result<Vec<Field<'_>>> {
        let field = fields.require(name)?;
        field
            .items()
            .filter(|items| !items.is_empty())
            .ok_or_else(|| field.error("is no list; write one value for each branch, as in [1, 2]"))
    };
    let means: Vec<f64> =
        list("means")?.iter().map(|item| value(item, of)).collect::<Result<_>>()?;
    let weights: Vec<f64> = list("weights")?
        .iter()
        .map(|item| item.number("a number above 0", |weight| weight > 0.0))
        .collect::<Result<_>>()?;
    if means.len() != weights.len() {
        let message = format!("has {} values for {} means", weights.len(), means.len());
        return Err(fields.require("weights")?.error(&format!("{message}; give one for each")));
    }
    let total: f64 = weights.iter().sum();
    let weights = weights.into_iter().map(|weight| weight / total).collect();
    Ok(Distribution::HyperExponential { means, weights })
}

fn geometric(tag: &Field<'_>, fields: &Fields<'_>, of: Of) -> Result<Distribution> {
    if of != Of::Counts {
        return Err(tag.error("geometric is a distribution of counts; use exponential here"));
    }
    let mean = fields.require("mean")?.number("a number of at least 1", |mean| mean >= 1.0)?;
    Ok(Distribution::Geometric { mean })
}

fn empirical(fields: &Fields<'_>, of: Of) -> Result<Distribution> {
    let points = match (fields.get("file"), fields.get("points")) {
        (Some(file), None) => {
            let (unit, points) = file.read(read_cdf)?;
            let wanted = match of {
                Of::Times => CdfUnit::Picoseconds,
                Of::Sizes => CdfUnit::Bytes,
                Of::Counts => CdfUnit::Count,
            };
            if unit != wanted {
                return Err(file.error(&format!(
                    "holds a distribution of {}, but {} are wanted here; name the \
                     unit in the column's header (latency_us, size_bytes, count)",
                    unit_name(unit),
                    unit_name(wanted)
                )));
            }
            points.into_iter().map(|point| (point.x, point.cumulative)).collect()
        }
        (None, Some(points)) => read_points(&points, of)?,
        _ => return Err(fields.error("dist", "needs either file or points")),
    };
    let place = fields.get("file").or_else(|| fields.get("points"));
    Empirical::new(points).map(Distribution::Empirical).map_err(|message| {
        place.map_or_else(|| fields.error("dist", &message), |field| field.error(&message))
    })
}

fn read_points(field: &Field<'_>, of: Of) -> Result<Vec<(f64, f64)>> {
    const RIGHT: &str = "write a list of [value, cumulative], the last cumulative being 1";
    let items = field.items().ok_or_else(|| field.error(&format!("is no list; {RIGHT}")))?;
    items
        .iter()
        .map(|item| {
            let pair = item.items().filter(|pair| pair.len() == 2);
            let pair = pair.ok_or_else(|| item.error(&format!("is no pair; {RIGHT}")))?;
            let share = pair[1].number("a share from 0 to 1", |n| (0.0..=1.0).contains(&n))?;
            let x = match pair[0].value() {
                // Tables of flow and frame sizes are published in plain bytes.
                Value::Integer(_) | Value::Float(_) if of == Of::Sizes => {
                    pair[0].number("a number of bytes, at least 0", |n| n >= 0.0)?
                }
                _ => value(&pair[0], of)?,
            };
            Ok((x, share))
        })
        .collect()
}

const fn unit_name(unit: CdfUnit) -> &'static str {
    match unit {
        CdfUnit::Picoseconds => "times",
        CdfUnit::Bytes => "sizes",
        CdfUnit::Count => "counts",
    }
}
