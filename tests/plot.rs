//! Figures and report, from small committed results (`tests/data/plot`, made from `small.toml`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rxplan::plot::{Context, Figure, ResultFile};

const DATA: &str = "tests/data/plot";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn data(name: &str) -> PathBuf {
    root().join(DATA).join(name)
}

fn context(folder: &Path) -> Context {
    let mut context = Context::default();
    if let Ok(text) = fs::read_to_string(folder.join("manifest.toml")) {
        context.add_manifest(folder, text);
    }
    if let Ok(text) = fs::read_to_string(folder.join("plan.json")) {
        context.add_plan(&text);
    }
    context
}

fn figures(path: &Path) -> Vec<Figure> {
    let file = ResultFile::open(path, context(path.parent().unwrap())).unwrap();
    file.figures().unwrap()
}

/// Every committed result, with its figures and what they must say.
fn all() -> Vec<(Figure, &'static [&'static str])> {
    let expected: [(&str, &str, &[&str]); 13] = [
        (
            "plan/frontier.csv",
            "frontier",
            &["memory pinned, all parts", "share of packets dropped"],
        ),
        (
            "sensitivity/sensitivity.csv",
            "sensitivity",
            &[
                "queues that burst in step",
                "share of packets dropped",
                "memory that meets the goal",
                "entries per queue",
            ],
        ),
        (
            "fit/fit.csv",
            "fit",
            &["dispersion of a queue", "dispersion of all queues", "no drops", "the trace"],
        ),
        ("run/summary.csv", "drops", &["packets dropped", "no buffer"]),
        ("run/queues.csv", "in-use", &["queue", "buffers in use"]),
        ("log/timeline.csv", "occupancy", &["time (ms)", "buffers in use", "share of time above"]),
        ("log/packets.csv", "drops", &["time (ms)", "no buffer"]),
        ("log/packets.csv", "sojourn", &["time (µs)", "share of packets within"]),
        ("log/packets.csv", "burst", &["buffers that it holds", "packets so far"]),
        (
            "sweep/grid.csv",
            "heatmap",
            &["ring depth, nic.rx (entries per queue)", "reserve, reserve.entries (buffers)"],
        ),
        ("sweep/line.csv", "lines", &["ring depth, nic.rx (entries per queue)"]),
        ("sweep/accounting.csv", "lines", &["pinned", "relabelled", "share of packets dropped"]),
        ("run/summary.csv", "drops", &["PSP rejected"]),
    ];
    let found = expected.map(|(file, name, texts)| {
        let mut own = figures(&data(file)).into_iter().filter(|figure| figure.name == name);
        (own.next().unwrap_or_else(|| panic!("{file} has no {name}")), texts)
    });
    found.into()
}

fn texts(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.map(|node| node.text().unwrap_or_default().trim().to_owned()).collect()
}

/// Middles (fine pixels) and values of all places that show one on hovering.
fn hovers(svg: &str) -> Vec<(f64, f64, String)> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let titled = document.descendants().filter(|node| node.has_tag_name("title"));
    let place = |node: roxmltree::Node<'_, '_>| {
        let number = |name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
        (number("x") + number("width") / 2.0, number("y") + number("height") / 2.0)
    };
    titled
        .map(|title| {
            let (x, y) = place(title.parent().unwrap());
            (x, y, title.text().unwrap().to_owned())
        })
        .collect()
}

fn rxplan(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rxplan"));
    command.current_dir(root()).args(arguments).output().unwrap()
}

/// The one line that the program says about a file with this text.
fn refusal(name: &str, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let output = rxplan(&["plot", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{name}");
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message.lines().count(), 1, "{message}");
    message.trim().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn every_figure_is_well_formed_and_says_what_it_shows_with_units_seed_and_n() {
    for (figure, expected) in all() {
        let texts = texts(&figure.svg);
        let name = figure.name;
        assert!(texts.contains(&figure.title), "{name}: {texts:?}");
        let subject = if name == "fit" { "trace.csv" } else { "4 queues <of a test> & a reserve" };
        assert!(texts.contains(&subject.to_owned()), "{name}");
        let notes = texts.iter().find(|text| text.starts_with("seed 7; n = "));
        assert!(notes.is_some(), "{name}: {texts:?}");
        for text in expected {
            assert!(texts.iter().any(|own| own == text), "{name} lacks {text}: {texts:?}");
        }
    }
}

#[test]
fn every_text_begins_within_the_figure() {
    for (figure, _) in all() {
        let document = roxmltree::Document::parse(&figure.svg).unwrap();
        let size: Vec<f64> = document
            .root_element()
            .attribute("viewBox")
            .unwrap()
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        for text in document.descendants().filter(|node| node.has_tag_name("text")) {
            let place = |name: &str| text.attribute(name).unwrap().parse::<f64>().unwrap();
            let inside =
                (0.0..=size[2]).contains(&place("x")) && (0.0..=size[3]).contains(&place("y"));
            assert!(inside, "{}: {:?}", figure.name, text.text());
        }
    }
}

#[test]
fn the_same_results_give_the_same_bytes() {
    let bytes = || all().into_iter().map(|(figure, _)| figure.svg).collect::<Vec<_>>();
    assert_eq!(bytes(), bytes());
}

#[test]
fn memory_is_drawn_by_its_logarithm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frontier.csv");
    let rates = "drop_rate_estimate,drop_rate_ci_low,drop_rate_ci_high";
    let text = format!(
        "queues,rx,reserve_entries,total_bytes,{rates}\n\
         1,1,0,67108864,0.1,0.09,0.11\n1,2,0,134217728,0.01,0.009,0.011\n\
         1,4,0,268435456,0.001,0.0009,0.0011\n"
    );
    fs::write(&path, text).unwrap();
    let hovers = hovers(&figures(&path)[0].svg);
    let steps: Vec<(f64, f64)> =
        hovers.windows(2).map(|pair| (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1)).collect();
    // Equal factors are equal distances, to the fine pixels of both ends.
    assert_eq!(steps.len(), 2);
    assert!((steps[0].0 - steps[1].0).abs() <= 2.0 && steps[0].0 > 500.0, "{steps:?}");
    assert!((steps[0].1 - steps[1].1).abs() <= 2.0 && steps[0].1 > 500.0, "{steps:?}");
}

#[test]
fn a_value_that_is_only_bounded_says_so() {
    let frontier = figures(&data("plan/frontier.csv")).remove(0);
    let baseline = "baseline: 4 × 512: 4.16 MiB, no drop seen (below 0.614 %)";
    assert!(hovers(&frontier.svg).iter().any(|(_, _, text)| text == baseline));
}

#[test]
fn a_heat_map_has_a_cell_for_every_row() {
    let heat_map = figures(&data("sweep/grid.csv")).remove(0);
    assert_eq!(hovers(&heat_map.svg).len(), 6);
}

#[test]
fn a_packet_log_is_counted_in_full() {
    let log = fs::read_to_string(data("log/packets.csv")).unwrap();
    let dropped = log.lines().filter(|line| line.contains(",no_buffer,")).count();
    let figures = figures(&data("log/packets.csv"));
    assert_eq!(figures[0].description, format!("{dropped} packets dropped."));
}

#[test]
fn files_may_be_gzip_and_have_further_columns() {
    let plain = figures(&data("run/queues.csv")).remove(0);
    let text = fs::read_to_string(data("run/queues.csv")).unwrap();
    let wider: String = text.lines().map(|line| format!("{line},,note\n")).collect();
    let wider = wider.replacen(",,note", ",flow,note", 1);
    let folder = tempfile::tempdir().unwrap();
    fs::copy(data("run/manifest.toml"), folder.path().join("manifest.toml")).unwrap();
    let path = folder.path().join("queues.csv.gz");
    let file = fs::File::create(&path).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(wider.as_bytes()).unwrap();
    encoder.finish().unwrap();
    let mut context = Context::default();
    let manifest = fs::read_to_string(data("run/manifest.toml")).unwrap();
    context.add_manifest(&data("run"), manifest);
    let file = ResultFile::open(&path, context).unwrap();
    assert_eq!(file.figures().unwrap()[0].svg, plain.svg);
}

#[test]
fn what_is_missing_is_said_in_one_sentence() {
    assert_eq!(
        refusal(
            "frontier.csv",
            "queues,rx,reserve_entries,total_bytes,drop_rate_estimate\n1,2,3,4,0\n"
        ),
        "error: frontier.csv: no column 'drop_rate_ci_low', which its figure needs"
    );
    assert_eq!(
        refusal("packets.csv", "t_ns,queue,outcome,delivered_ns,from_reserve\n1,2,delivered,3,0\n"),
        "error: packets.csv: no column 'len', which its figure needs"
    );
    assert_eq!(
        refusal("trace.csv", "t_ns,queue,len\n1,2,3\n"),
        "error: trace.csv: no figure can be made of the columns t_ns, queue, len; summary.csv, \
         queues.csv, frontier.csv, sensitivity.csv, fit.csv, a sweep, and what --timeline and \
         --packets write can be drawn"
    );
    assert_eq!(
        refusal("queues.csv", "queue,outstanding_mean,outstanding_max\n"),
        "error: queues.csv: it has no rows, so there is nothing to draw"
    );
    assert_eq!(
        refusal("queues.csv", "queue,outstanding_mean,outstanding_max\n0,1,many\n"),
        "error: queues.csv: column 'outstanding_max' has 'many', which is not a number"
    );
    assert_eq!(
        refusal("queues.csv", "queue,outstanding_mean,outstanding_max\n0,1\n"),
        "error: queues.csv:2: the line has 2 fields where the header has 3"
    );
    let keys = "a,b,c,drop_rate_estimate,drop_rate_ci_low,drop_rate_ci_high";
    assert_eq!(
        refusal("grid.csv", &format!("{keys}\n1,1,1,0,0,0\n2,2,2,0,0,0\n")),
        "error: grid.csv: it varies 3 keys; one or two can be drawn, so sweep again with the \
         others fixed"
    );
    assert_eq!(
        refusal("p.csv", "t_ns,queue,len,outcome,from_reserve,delivered_ns\n1,2,3,lost,0,\n"),
        "error: p.csv: outcome 'lost' is not known; it must be delivered, outstanding or a drop \
         reason"
    );
}

#[test]
fn a_folder_without_results_and_a_missing_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let message = |path: &str| String::from_utf8(rxplan(&["plot", path]).stderr).unwrap();
    assert!(message(path).contains("no CSV file in it"), "{}", message(path));
    let missing = format!("{path}/none.csv");
    assert!(message(&missing).contains("none.csv: cannot open"), "{}", message(&missing));
    assert_eq!(rxplan(&["plot"]).status.code(), Some(2));
}

#[test]
fn differences_of_a_sweep_are_passed_over_in_a_folder_and_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(data("sweep/grid.csv"), folder.path().join("sweep.csv")).unwrap();
    let differences = folder.path().join("differences.csv");
    fs::write(&differences, "nic_rx,drop_rate_diff_estimate\n64,0.1\n").unwrap();
    assert!(rxplan(&["plot", folder.path().to_str().unwrap()]).status.success());
    assert!(folder.path().join("sweep-heatmap.svg").is_file());
    let output = rxplan(&["plot", differences.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no figure can be made"));
}

#[test]
fn a_sweep_is_drawn_beside_measurements() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().to_str().unwrap();
    let measured = out.path().join("measured.csv");
    // The model delivers 9692 packets in 3 x 2 ms at rx 8: 1.6153 million a second.
    let file = data("sweep/line.csv");
    let file = file.to_str().unwrap();
    let key = fs::read_to_string(file).unwrap().split(',').next().unwrap().to_owned();
    fs::write(&measured, format!("# of a test\n{key},delivered_pps\n8,1.6e6\n")).unwrap();
    let measured = measured.to_str().unwrap();
    let output = rxplan(&["plot", file, "--measured", measured, "--out", folder]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let svg = fs::read_to_string(out.path().join("line-measured.svg")).unwrap();
    assert!(svg.contains("At 8: model +1.0 % of the measurement."), "{svg}");
    let grid = data("sweep/grid.csv");
    let output = rxplan(&["plot", grid.to_str().unwrap(), "--measured", measured, "--out", folder]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("beside a sweep of one key"));
}

#[test]
fn a_sweep_is_drawn_beside_exact_drop_rates() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().to_str().unwrap();
    let exact = out.path().join("exact.csv");
    let lines = "reserve_accounting,reserve_entries,drop_rate\npinned,1,0.1\npinned,9,1e-3\n\
                 relabelled,1,0.09\nrelabelled,9,1e-30\n";
    fs::write(&exact, lines).unwrap();
    let exact = exact.to_str().unwrap();
    let file = data("sweep/accounting.csv");
    let file = file.to_str().unwrap();
    let output = rxplan(&["plot", file, "--measured", exact, "--out", folder]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let svg = fs::read_to_string(out.path().join("accounting-exact.svg")).unwrap();
    assert!(svg.contains("beside exact values") && svg.contains("relabelled"), "{svg}");
    // What is too small to draw is told.
    assert!(svg.contains("lines: exact, above 10⁻²⁵; points: simulated"), "{svg}");
    assert_eq!(
        svg.matches("simulated, ").count(),
        fs::read_to_string(file).unwrap().lines().count() - 1
    );
}

#[test]
fn figures_of_two_files_are_never_written_over_each_other() {
    let out = tempfile::tempdir().unwrap();
    let file = data("run/queues.csv");
    let file = file.to_str().unwrap();
    let output = rxplan(&["plot", file, file, "--out", out.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("plot them into different folders"));
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}

/// The report of all committed results.
fn report() -> String {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().to_str().unwrap();
    let output = rxplan(&["plot", DATA, "--html", "--out", folder]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(out.path().join("report.html")).unwrap()
}

#[test]
fn the_report_loads_nothing() {
    let report = report();
    for loading in [" src=", "@import", "url(", "<link", "<iframe", "fetch(", "XMLHttp", "import("]
    {
        assert!(!report.contains(loading), "{loading}");
    }
    let namespace = "xmlns=\"http://www.w3.org/2000/svg\"";
    assert!(!report.replace(namespace, "").contains("http"), "an address");
    let inside = report.matches(" href=\"#").count();
    assert_eq!(report.matches(" href=").count(), inside);
}

#[test]
fn the_report_has_question_answer_figures_scenario_and_manifests() {
    let report = report();
    assert!(report.contains("<p>Does a small reserve make up for short rings?</p>"));
    assert!(report.contains("rx 2 + reserve 128 meets the goal of 1e-1"));
    assert!(report.contains("<td>4 × 2 + 128</td><td>338.1 KiB</td>"));
    assert!(report.contains("max_drop_rate = 1e-1"));
    assert!(report.contains("command = &quot;sensitivity&quot;"));
    assert_eq!(report.matches("<figure>").count(), 12);
    assert!(!report.contains("{{"));
}

#[test]
fn the_report_holds_the_computed_grid_and_no_text_of_a_file_as_markup() {
    let report = report();
    assert!(!report.contains("<of a test>"));
    let start = report.split_once("id=\"grid\">").unwrap().1;
    let grid: serde_json::Value =
        serde_json::from_str(start.split_once("</script>").unwrap().0).unwrap();
    // Nine configurations are on the frontier, six in the grid.
    assert_eq!(grid["points"].as_array().unwrap().len(), 9);
    assert_eq!(grid["start"], serde_json::json!({ "rx": 2, "reserve": 128 }));
    let is_recommended =
        |point: &&serde_json::Value| point["rx"] == 2.0 && point["reserve"] == 128.0;
    let recommended = grid["points"].as_array().unwrap().iter().find(is_recommended);
    assert_eq!(recommended.unwrap()["bytes"], 346_240.0);
}

#[test]
fn a_scenario_that_has_changed_since_is_not_shown() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path();
    fs::copy(data("run/summary.csv"), folder.join("summary.csv")).unwrap();
    let manifest = fs::read_to_string(data("run/manifest.toml")).unwrap();
    let other = manifest.replace("scenario_sha256 = \"", "scenario_sha256 = \"0");
    fs::write(folder.join("manifest.toml"), other).unwrap();
    let output = rxplan(&["plot", folder.to_str().unwrap(), "--html"]);
    assert!(output.status.success());
    let report = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(report.contains("was not found, or has changed since"));
}
