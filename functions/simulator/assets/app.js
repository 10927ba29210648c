// The simulator's page. It talks to its own origin only and builds every element by hand, so that
// nothing a customer might write is ever read as markup.
"use strict";

const SHOWN = 200;
const AT_ONCE = 50;
const FINAL = new Set(["synced", "parked", "refused"]);
const base = location.origin + location.pathname.replace(/\/$/, "");
const $ = (id) => document.getElementById(id);

// Interactions by id, in the order in which they were sent; a Map keeps it.
const interactions = new Map();
let threshold = 2500;
let failures = 0;

async function api(path, body) {
  const [route, query = ""] = path.split("?");
  const search = [location.search.slice(1), query].filter(Boolean).join("&");
  const response = await fetch(base + route + (search ? "?" + search : ""), {
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.detail || answer.message || `the stack answered ${response.status}`);
  return answer;
}

function element(tag, content, className) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const part of [].concat(content ?? [])) made.append(part);
  return made;
}

function replace(id, children) { $(id).replaceChildren(...children); }

function pairs(id, rows) {
  replace(id, rows.flatMap(([name, value, className]) => [element("dt", name), element("dd", value, className)]));
}

function millis(ms) {
  if (ms === null || ms === undefined) return "";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

const clock = (ms) => (ms ? new Date(ms).toLocaleTimeString() : "");

// ── Health ───────────────────────────────────────────────────────────────────

function health(error) {
  failures = error ? failures + 1 : 0;
  const shown = error ? `The stack can't be reached: ${error.message}. Trying again.` : "The stack answers.";
  if ($("health").textContent !== shown) $("health").textContent = shown;
  $("health").className = error ? "bad" : "good";
}

// Runs `task` for ever, every `ms`, slower while it fails, and not while nobody looks.
function every(ms, task) {
  const turn = async () => {
    try {
      if (!document.hidden && (await task()) !== false) health();
    } catch (error) {
      health(error);
    }
    setTimeout(turn, Math.min(ms * 2 ** Math.min(failures, 4), 15_000));
  };
  turn();
}

// ── Writing and what will happen ─────────────────────────────────────────────

let previewed = 0;
let typing;

function preview() {
  clearTimeout(typing);
  typing = setTimeout(async () => {
    const turn = ++previewed;
    const text = $("text").value;
    if (!text.trim()) return;
    try {
      const answer = await api("/preview", { text, platform: $("platform").value || "facebook" });
      if (turn === previewed) showPreview(answer);
    } catch (error) {
      health(error);
    }
  }, 150);
}

function showPreview({ explanation, other_scorer: other, language, rules_problem: problem }) {
  const { decision } = explanation;
  $("score-line").textContent = `Score ${decision.score.toFixed(4)}: ${decision.label}.`;
  $("score-line").className = { negative: "bad", positive: "good" }[decision.label] || "";
  $("needle").style.left = `${50 + 50 * decision.score}%`;
  pairs("decision", [
    ["Rule", decision.rule],
    ["Skills", decision.skills.join(", ")],
    ["Priority", String(decision.priority)],
    ["Language", language || "too short to tell, or unknown"],
    [`With the ${other.scorer} scorer`, `${other.score.toFixed(4)}, ${other.skills.join(", ")}`],
    ...(problem ? [["Rules", problem, "bad"]] : []),
  ]);
  const words = explanation.words.filter((w) => w.base !== 0 || w.valence !== 0);
  replace("words", words.length
    ? words.map((w) => {
        const why = w.adjustments.map((a) => a.reason).join(", ");
        const weight = element("b", (w.valence > 0 ? "+" : "") + w.valence.toFixed(2), w.valence < 0 ? "bad" : "good");
        return element("li", [w.word + " ", weight, ...(why ? [element("span", ` ${why}`, "soft")] : [])]);
      })
    : [element("li", "none; it is neutral", "soft")]);
}

function choose(example) {
  $("text").value = example.text;
  $("attachment").checked = example.attachment;
  preview();
}

async function loadExamples() {
  const examples = await api("/examples");
  replace("examples", examples.map((example) => {
    const button = element("button", example.mood);
    button.type = "button";
    button.addEventListener("click", () => choose(example));
    return button;
  }));
  if (!$("text").value) choose(examples[0]);
}

function request() {
  const wanted = {
    text: $("text").value || undefined,
    platform: $("platform").value,
    thread_id: $("thread").value || undefined,
    count: Number($("count").value),
    rate: $("rate").value ? Number($("rate").value) : undefined,
    break: $("break").value || undefined,
  };
  if ($("name").value) wanted.profile = { display_name: $("name").value };
  wanted.attachments = $("attachment").checked
    ? [{ url: "https://example.com/image.png", media_type: "image/png", size_bytes: 24500 }]
    : [];
  return wanted;
}

async function send(event) {
  event.preventDefault();
  $("send").disabled = true;
  $("sent").textContent = "Sending…";
  $("sent").className = "";
  try {
    const answer = await api("/send", request());
    const statuses = new Map();
    for (const one of answer.sent) {
      const said = one.status ? String(one.status) : one.error;
      statuses.set(said, (statuses.get(said) || 0) + 1);
      if (one.interaction_id) follow(one.interaction_id, { state: "queued" });
    }
    const counted = [...statuses].map(([said, n]) => `${n} × ${said}`).join(", ");
    const refused = answer.sent.find((one) => one.problem);
    $("sent").textContent = `The webhook answered ${counted}.${refused ? ` ${refused.problem.detail || refused.problem.title || ""}` : ""}`;
    $("sent").className = answer.sent.every((one) => one.status === 202) ? "good" : "warn";
    showLive();
  } catch (error) {
    $("sent").textContent = `Not sent: ${error.message}.`;
    $("sent").className = "bad";
  } finally {
    $("send").disabled = false;
  }
}

// ── Following ────────────────────────────────────────────────────────────────

function follow(id, known) {
  if (interactions.has(id)) return;
  interactions.set(id, known);
  const last = [...interactions.keys()].slice(-AT_ONCE);
  try { sessionStorage.setItem("followed", JSON.stringify(last)); } catch { /* a private window */ }
}

async function refresh() {
  const open = [...interactions].filter(([, known]) => !FINAL.has(known.state)).map(([id]) => id);
  if (!open.length) return false;
  // Of many, the ones that were asked for longest ago come first.
  const asked = open.slice(0, AT_ONCE);
  const { interactions: found } = await api(`/interactions?ids=${asked.map(encodeURIComponent).join(",")}`);
  for (const one of found) {
    const changed = interactions.get(one.interaction_id)?.state !== one.state;
    interactions.set(one.interaction_id, one);
    if (!changed && open.length > AT_ONCE) {
      interactions.delete(one.interaction_id);
      interactions.set(one.interaction_id, one);
    }
  }
  showLive();
}

function cell(name, content, className) {
  const made = element("td", content, className);
  made.dataset.name = name;
  return made;
}

function stage(known, name) { return (known.stages || []).find((s) => s.stage === name); }

function latency(known, name) {
  const at = stage(known, name);
  if (!at) return ["", ""];
  const waits = [["limit", at.wait_limiter_ms], ["retry", at.wait_retry_ms], ["dead letters", at.wait_dlq_ms]]
    .filter(([, ms]) => ms > 0).map(([why, ms]) => `${why} ${millis(ms)}`);
  const text = millis(at.latency_ms) + (at.breach ? " (breach)" : "") + (waits.length ? `, of it ${waits.join(", ")}` : "");
  return [text, at.breach ? "bad" : "good"];
}

function row(id, known) {
  const routed = stage(known, "routed");
  const details = [];
  const decision = routed?.decision?.decision || routed?.decision;
  if (decision?.skills) details.push(decision.skills.join(", "));
  if (routed) details.push(`task ${routed.task_id}`);
  const synced = stage(known, "synced");
  if (synced?.ticket) details.push(`ticket ${synced.ticket}`);
  if (known.reason && known.state !== "synced") details.push(known.reason);
  const tone = { parked: "bad", waiting: "warn", synced: "good" }[known.state];
  const attempts = known.attempts > 1 ? `, attempt ${known.attempts}` : "";
  return element("tr", [
    cell("Interaction", element("code", id)),
    cell("State", known.state + attempts, tone),
    cell("Received", clock(stage(known, "received")?.at)),
    cell("Routed", ...latency(known, "routed")),
    cell("Synced", ...latency(known, "synced")),
    cell("Details", details.join(" · ")),
  ]);
}

function showLive() {
  const counts = {};
  for (const known of interactions.values()) counts[known.state] = (counts[known.state] || 0) + 1;
  const all = Object.entries(counts).map(([state, n]) => `${n} ${state}`).join(", ");
  $("counts").textContent = interactions.size
    ? `${interactions.size} followed: ${all}.${interactions.size > SHOWN ? ` The last ${SHOWN} are shown.` : ""}`
    : "Nothing sent yet.";
  const latest = [...interactions].slice(-SHOWN).reverse();
  replace("live", latest.map(([id, known]) => row(id, known)));
}

function find(event) {
  event.preventDefault();
  const id = $("find-id").value.trim();
  interactions.delete(id);
  follow(id, { state: "queued" });
  refresh().then(() => health(), health);
}

// ── Figures and the stack ────────────────────────────────────────────────────

async function waits() {
  const answer = await api("/sla?hours=24");
  threshold = answer.threshold_ms;
  const mine = answer.series.filter((s) => s.operation === $("operation").value);
  const buckets = new Map();
  for (const series of mine) for (const [from, to, n] of series.buckets) {
    buckets.set(from, { from, to, n: (buckets.get(from)?.n || 0) + n });
  }
  const sorted = [...buckets.values()].sort((a, b) => a.from - b.from);
  const total = sorted.reduce((sum, b) => sum + b.n, 0);
  if (!total) {
    $("percentiles").textContent = "No figures in the last 24 hours.";
    replace("histogram", []);
    return;
  }
  const breaches = mine.reduce((sum, s) => sum + s.breaches, 0);
  const percentile = (p) => {
    let seen = 0;
    for (const b of sorted) { seen += b.n; if (seen >= total * p) return (b.from + b.to) / 2; }
  };
  $("percentiles").textContent =
    `${total} in 24 hours: p50 ${millis(percentile(0.5))}, p95 ${millis(percentile(0.95))}, p99 ${millis(percentile(0.99))}; ` +
    `${breaches} over ${millis(threshold)} (${((100 * breaches) / total).toFixed(1)} %).`;
  replace("histogram", [draw(sorted, total)]);
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Logarithmic, as the buckets are.
function draw(buckets, total) {
  const [width, height, foot] = [600, 180, 22];
  const low = Math.log(Math.max(1, buckets[0].from) * 0.8);
  const high = Math.log(Math.max(buckets.at(-1).to, threshold) * 1.2);
  const x = (ms) => ((Math.log(Math.max(1, ms)) - low) / (high - low)) * width;
  const most = Math.max(...buckets.map((b) => b.n));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Latencies of ${total} interactions` });
  for (const b of buckets) {
    const tall = Math.max(2, ((height - foot - 14) * b.n) / most);
    picture.append(svg("rect", {
      class: b.from >= threshold ? "breach" : "bar",
      x: x(b.from), y: height - foot - tall, width: Math.max(2, x(b.to) - x(b.from) - 1), height: tall,
    }, svg("title", {}, `${millis(b.from)} to ${millis(b.to)}: ${b.n}`)));
  }
  picture.append(svg("line", { class: "axis", x1: 0, x2: width, y1: height - foot, y2: height - foot }));
  picture.append(svg("line", { class: "limit", x1: x(threshold), x2: x(threshold), y1: 0, y2: height - foot }));
  for (const ms of [1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000]) {
    if (Math.log(ms) < low || Math.log(ms) > high) continue;
    picture.append(svg("text", { x: x(ms), y: height - 5, "text-anchor": x(ms) < 20 ? "start" : x(ms) > width - 30 ? "end" : "middle" }, millis(ms)));
  }
  return picture;
}

const QUIET = "no calls yet";

function upstream(name, state) {
  if (state.unreadable) return [name, state.unreadable, "warn"];
  if (!Object.keys(state).length) return [name, QUIET, "soft"];
  const breaker = state.breaker || state;
  const word = typeof breaker === "object" ? breaker.state || (state.open_since || state.opened_at ? "open" : "closed") : String(breaker);
  return [name, `breaker ${word}${state.reason ? `: ${state.reason}` : ""}`, /open/.test(word) ? "bad" : "good"];
}

async function status() {
  const now = await api("/status");
  threshold = now.threshold_ms;
  pairs("queues", now.queues.unreadable
    ? [["queues", now.queues.unreadable, "warn"]]
    : now.queues.map((q) => [q.queue, `${q.waiting} waiting, ${q.in_flight} in flight, ${q.delayed} delayed`]));
  pairs("upstreams", [upstream("CXone", now.upstreams.cxone), upstream("Ticketing", now.upstreams.ticketing)]);
  const tones = { OK: "good", EXPIRING: "warn", ROTATING: "warn", REAUTH_REQUIRED: "bad" };
  pairs("tokens", now.tokens.unreadable
    ? [["tokens", now.tokens.unreadable, "warn"]]
    : now.tokens.map((t) => [t.token, (t.state || "not rotated yet") + (t.reason ? `: ${t.reason}` : ""), tones[t.state] || "soft"]));
  replace("parked", now.parked.unreadable
    ? [element("li", now.parked.unreadable, "warn")]
    : now.parked.length
      ? now.parked.map((p) => element("li", [element("code", p.interaction_id), ` (${p.stage}, ${p.attempts ?? 0} attempts): `, element("span", p.reason || "no reason kept", "bad")]))
      : [element("li", "nothing", "soft")]);
}

// ── Start ────────────────────────────────────────────────────────────────────

$("text").addEventListener("input", preview);
$("platform").addEventListener("input", preview);
$("form").addEventListener("submit", send);
$("find").addEventListener("submit", find);
$("operation").addEventListener("change", () => waits().catch(health));
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
});
try {
  for (const id of JSON.parse(sessionStorage.getItem("followed") || "[]")) follow(id, { state: "queued" });
} catch { /* a private window, or another page's data */ }
const examples = () => loadExamples().catch((error) => { health(error); setTimeout(examples, 3000); });
examples();
every(1000, refresh);
every(3000, status);
every(5000, waits);
