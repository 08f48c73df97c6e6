"use strict";
(() => {
  const root = document.documentElement;
  document.getElementById("theme").addEventListener("click", () => {
    const prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme || (prefersDark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });

  // Values appear at once, not after the browser's own delay.
  const tip = document.getElementById("tip");
  for (const area of document.querySelectorAll("g.values rect")) {
    const text = area.querySelector("title").textContent;
    area.addEventListener("mousemove", (event) => {
      tip.textContent = text;
      tip.hidden = false;
      const right = innerWidth - tip.offsetWidth - 8;
      tip.style.left = Math.max(8, Math.min(event.clientX + 14, right)) + "px";
      tip.style.top = event.clientY + 18 + "px";
    });
    area.addEventListener("mouseleave", () => { tip.hidden = true; });
    area.querySelector("title").remove();
  }

  const grid = JSON.parse(document.getElementById("grid").textContent);
  const panel = document.getElementById("what-if");
  if (!panel) return;
  const sorted = (name) =>
    [...new Set(grid.points.map((point) => point[name]))].sort((a, b) => a - b);
  const axes = { rx: sorted("rx"), reserve: sorted("reserve") };
  const inputs = { rx: document.getElementById("rx"), reserve: document.getElementById("reserve") };
  const show = (id, text) => { document.getElementById(id).textContent = text; };
  const round = (value) => Number(value.toPrecision(3)).toString();
  const bytes = (value) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
    return Number(value.toPrecision(4)) + " " + units[unit];
  };
  const share = (value) => {
    if (value === 0) return "0";
    return value >= 1e-3 ? round(value * 100) + " %" : value.toExponential(1);
  };
  const most = Math.max(grid.baseline || 0, ...grid.points.map((point) => point.bytes));
  // From 1e-8 at the left to 1 at the right.
  const place = (rate) => Math.max(0, Math.min(1, 1 + Math.log10(Math.max(rate, 1e-8)) / 8));
  const width = (id, part) => { document.getElementById(id).style.width = part * 100 + "%"; };

  const verdict = (point) => {
    if (grid.goal === null) return "";
    const goal = "the goal of " + grid.goal;
    if (point.high <= grid.goal) return "meets " + goal;
    return point.low > grid.goal ? "misses " + goal : "cannot be told from " + goal;
  };
  const update = () => {
    const rx = axes.rx[inputs.rx.value];
    const reserve = axes.reserve[inputs.reserve.value];
    show("rx-value", rx);
    show("reserve-value", reserve);
    const point = grid.points.find((point) => point.rx === rx && point.reserve === reserve);
    panel.querySelector(".answer").hidden = !point;
    if (!point) {
      show("verdict", "This configuration was not computed.");
      return;
    }
    const saved = grid.baseline ? ", " + round(100 * point.bytes / grid.baseline)
      + " % of the baseline" : "";
    show("memory", bytes(point.bytes) + saved);
    width("memory-bar", point.bytes / most);
    const ends = share(point.low) + " to " + share(point.high);
    show("drops", point.estimate === 0 && point.high > 0
      ? "none seen (below " + share(point.high) + ")"
      : share(point.estimate) + " (" + ends + ")");
    width("drops-bar", place(point.estimate || point.high));
    document.getElementById("goal-mark").hidden = grid.goal === null;
    document.getElementById("goal-mark").style.left = place(grid.goal || 1) * 100 + "%";
    show("p99", point.p99_us === null ? "not recorded" : round(point.p99_us) + " \u00b5s");
    show("verdict", "It " + (verdict(point) || "was computed") + ".");
  };
  for (const [name, input] of Object.entries(inputs)) {
    input.max = axes[name].length - 1;
    input.value = Math.max(0, axes[name].indexOf(grid.start[name]));
    input.addEventListener("input", update);
  }
  update();
})();
