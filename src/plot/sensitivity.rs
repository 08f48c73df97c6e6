//! What bursts in step cost: drop rate, memory and the entries a queue can count on, by queues in
//! step.

use super::PlotError;
use super::context::{Context, shape_name};
use super::estimate::{Interval, bytes_text, rate_scale, rate_text, rates, share_text, whole};
use super::figure::{Figure, Frame, Heading, Sheet};
use super::panel::{Panel, Stroke};
use super::scale::Scale;
use super::table::Table;
use super::theme::{BLUE, GREEN, MUTED, VERMILLION, WIDTH, number};

const HEIGHT: f64 = 740.0;
const X_TITLE: &str = "queues that burst in step";

/// One number of queues in step.
struct Step {
    in_phase: f64,
    rate: Interval,
    bound: f64,
    /// Name and bytes of the least memory with a reserve, and without.
    least: Option<(String, f64)>,
    without: Option<(String, f64)>,
}

/// The figure of a `sensitivity.csv`.
pub(super) fn figure(table: &Table, context: &Context) -> Result<Figure, PlotError> {
    let steps = read(table, context)?;
    let count = context
        .replications()
        .unwrap_or_else(|| format!("{} numbers of queues in step, 95 % intervals", steps.len()));
    let heading = Heading {
        title: "What bursts in step cost".to_owned(),
        subject: context.title().unwrap_or_else(|| table.path().display().to_string()),
        notes: context.notes(&count),
    };
    let (first, last) = (&steps[0], &steps[steps.len() - 1]);
    let rates = format!(
        "Bursts independent: {}; {} queues in step: {}.",
        rate_text(&first.rate),
        last.in_phase,
        rate_text(&last.rate)
    );
    let description = match (&first.least, &last.least) {
        (Some((_, first)), Some((_, last))) => format!(
            "{rates} Meeting the goal takes {} in the one case and {} in the other.",
            bytes_text(*first),
            bytes_text(*last)
        ),
        _ => rates,
    };
    Ok(Figure::draw("sensitivity", &heading, HEIGHT, description, |sheet| {
        let frame = |index| Frame::row(index, 3, HEIGHT);
        drop_rates(sheet, frame(0), &steps, context);
        memory(sheet, frame(1), &steps);
        entries(sheet, frame(2), &steps);
    }))
}

fn read(table: &Table, context: &Context) -> Result<Vec<Step>, PlotError> {
    let (in_phase, bounds) = (table.numbers("in_phase")?, table.numbers("entries_bound")?);
    let rates = rates(table)?;
    let queues = context.scenario.as_ref().map(|scenario| scenario.queues() as u64);
    let least = |row: usize, who: &str| {
        let number = |what: &str| table.number(&format!("{who}_{what}"), row);
        let (rx, bytes) = (number("rx")?, number("total_bytes")?);
        let reserve = number("reserve_entries").map_or(0, whole);
        let name = match queues {
            Some(queues) => shape_name(queues, whole(rx), reserve),
            None if reserve > 0 => format!("rx {rx} + {reserve}"),
            None => format!("rx {rx}"),
        };
        Some((name, bytes))
    };
    let steps = (0..table.rows()).map(|row| Step {
        in_phase: in_phase[row],
        rate: rates[row],
        bound: bounds[row],
        least: least(row, "recommended"),
        without: least(row, "today"),
    });
    Ok(steps.collect())
}

fn across(steps: &[Step], title: &str) -> Scale {
    Scale::doublings(title, &steps.iter().map(|step| step.in_phase).collect::<Vec<_>>())
}

fn drop_rates(sheet: &mut Sheet<'_>, frame: Frame, steps: &[Step], context: &Context) {
    let goal = context.goal();
    let y = rate_scale(steps.iter().map(|step| &step.rate), goal);
    let mut panel = Panel::new(sheet, frame, across(steps, ""), y);
    if let Some(goal) = goal {
        panel.level(goal, &format!("goal {}", share_text(goal)), MUTED);
    }
    let corners: Vec<_> = steps.iter().map(|step| (step.in_phase, step.rate.shown())).collect();
    panel.line(&corners, VERMILLION, 1.6, Stroke::Solid);
    for step in steps {
        panel.estimate(step.in_phase, step.rate, VERMILLION);
        let text = format!("{} in step: {}", step.in_phase, rate_text(&step.rate));
        panel.hover((step.in_phase, step.rate.shown()), text);
    }
    if let Some(shape) = context.scenario.as_ref().and_then(configuration) {
        let middle = &steps[steps.len() / 2];
        panel.label((middle.in_phase, middle.rate.shown()), &format!("dropped by {shape}"));
    }
}

/// Queues, rings and reserve of a scenario whose rings are all alike.
fn configuration(scenario: &crate::scenario::Scenario) -> Option<String> {
    let rx = *scenario.nic.rx.first()?;
    let reserve = scenario.reserve.as_ref();
    let reserve =
        reserve.map_or(0, |reserve| u64::from(reserve.groups) * u64::from(reserve.entries));
    let alike = scenario.nic.rx.iter().all(|other| *other == rx);
    alike.then(|| shape_name(scenario.queues() as u64, rx.into(), reserve))
}

fn memory(sheet: &mut Sheet<'_>, frame: Frame, steps: &[Step]) {
    let sizes = steps.iter().flat_map(|step| [&step.least, &step.without]).flatten();
    let (least, most) = sizes.fold((f64::MAX, 0.0), |(least, most): (f64, f64), (_, bytes)| {
        (least.min(*bytes), most.max(*bytes))
    });
    if most <= 0.0 {
        let middle = (WIDTH / 2.0, frame.top + frame.height / 2.0);
        let text = "no configuration that was tried meets the goal for certain";
        sheet.text(text, middle, super::figure::Anchor::Centre, MUTED);
        return;
    }
    let y = Scale::bytes("memory that meets the goal", least, most * 1.5);
    let mut panel = Panel::new(sheet, frame, across(steps, ""), y);
    if let Some((_, optimistic)) = &steps[0].least {
        let text = format!("if bursts never met: {}", bytes_text(*optimistic));
        panel.level(*optimistic, &text, MUTED);
    }
    type Pick = fn(&Step) -> Option<&(String, f64)>;
    let series: [(&str, _, Pick); 2] = [
        ("without a reserve", GREEN, |step| step.without.as_ref()),
        ("with a reserve", BLUE, |step| step.least.as_ref()),
    ];
    for (name, colour, pick) in series {
        let found: Vec<_> =
            steps.iter().filter_map(|step| Some((step.in_phase, pick(step)?))).collect();
        let corners: Vec<_> = found.iter().map(|(x, (_, bytes))| (*x, *bytes)).collect();
        panel.line(&corners, colour, 1.6, Stroke::Solid);
        for (in_phase, (shape, bytes)) in &found {
            panel.dot((*in_phase, *bytes), 4.0, colour);
            let text = format!("{in_phase} in step, {name}: {shape}, {}", bytes_text(*bytes));
            panel.hover((*in_phase, *bytes), text);
        }
    }
    let mut named = None;
    for step in steps {
        match &step.least {
            Some((shape, bytes)) => panel.label((step.in_phase, *bytes), shape),
            None => panel.label((step.in_phase, least * 1.2), "cannot tell"),
        }
        if let Some((shape, bytes)) = step.without.as_ref().filter(|own| named != Some(&own.0)) {
            panel.label((step.in_phase, *bytes), &format!("without a reserve: {shape}"));
            named = Some(shape);
        }
    }
}

fn entries(sheet: &mut Sheet<'_>, frame: Frame, steps: &[Step]) {
    let most = steps.iter().map(|step| step.bound).fold(0.0, f64::max);
    let y = Scale::from_zero("entries per queue", most);
    let mut panel = Panel::new(sheet, frame, across(steps, X_TITLE), y);
    let corners: Vec<_> = steps.iter().map(|step| (step.in_phase, step.bound)).collect();
    panel.line(&corners, MUTED, 1.6, Stroke::Solid);
    for step in steps {
        panel.dot((step.in_phase, step.bound), 4.0, MUTED);
        let text = format!("{} in step: {} entries", step.in_phase, number(step.bound));
        panel.hover((step.in_phase, step.bound), text);
        panel.label((step.in_phase, step.bound), &number(step.bound));
    }
    panel.caption("what each queue in step can count on: rx + reserve / queues in step");
}
