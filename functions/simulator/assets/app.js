// The simulator's page. It talks to its own origin only and builds every element by hand, so that
// nothing a customer might write is ever read as markup.
"use strict";

const ROWS = 200; // interactions shown
const LOOKUP = 50; // interactions that the API looks up at once
const LOOKUPS = 4; // such lookups a turn
const CHUNK = 500; // interactions that the API sends at once,
const CHUNK_SECONDS = 20; // and for how long
const FINAL = new Set(["synced", "parked"]);
// Absolute, because a base with credentials in it can't be fetched from.
const base = location.origin + location.pathname;
const $ = (id) => document.getElementById(id);

async function api(path, body) {
  const [route, query = ""] = path.split("?");
  const search = [location.search.slice(1), query].filter(Boolean).join("&");
  const response = await fetch(base + route + (search ? `?${search}` : ""), {
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const failure = new Error(answer.detail || answer.message || `the stack answered ${response.status}`);
  failure.status = response.status;
  throw failure;
}

function element(tag, content, className) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...[content ?? []].flat());
  return made;
}

function pairs(id, rows) {
  $(id).replaceChildren(...rows.flatMap(([name, value, className]) => [element("dt", name), element("dd", value, className)]));
}

function millis(ms) {
  if (ms === null || ms === undefined) return "";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

const clock = (ms) => (ms ? new Date(ms).toLocaleTimeString() : "");
const preciseClock = (ms) => new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const many = (n) => n.toLocaleString("en");

// ── Health ───────────────────────────────────────────────────────────────────

let failures = 0;
let answeredAt;

// No answer, or one that says that there is none to be had; a refusal is an answer.
const isDown = (error) => error.status === undefined || error.status >= 500;

function health(error) {
  failures = error ? failures + 1 : 0;
  if (!error) answeredAt = Date.now();
  const since = answeredAt ? ` What is shown is of ${clock(answeredAt)}.` : "";
  const reason = error?.status === undefined ? "it does not answer" : error.message;
  const shown = error ? `The stack can't be reached: ${reason}. Trying again.${since}` : "The stack answers.";
  if ($("health").textContent !== shown) $("health").textContent = shown;
  $("health").className = error ? "down" : "good";
}

// Runs `task` for ever, every `ms`, slower while it fails, and not while nobody looks.
function every(ms, task) {
  const turn = async () => {
    try {
      if (!document.hidden && (await task()) !== false) health();
    } catch (error) {
      health(error);
    }
    setTimeout(turn, Math.min(ms * 2 ** Math.min(failures, 3), 10_000));
  };
  turn();
}

// ── Writing, and what will happen ────────────────────────────────────────────

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
      if (isDown(error)) health(error);
    }
  }, 150);
}

const score = (decision) => decision.score.toFixed(4).replace(/^-(0\.0+)$/, "$1");

function showPreview({ explanation, language, language_rule: looksForIt, with_other_settings: others, rules_problem: problem }) {
  const { decision } = explanation;
  $("score-line").textContent = `Score ${score(decision)}: ${decision.label}.`;
  $("score-line").className = { negative: "bad", positive: "good" }[decision.label] || "";
  $("needle").style.left = `${50 + 50 * decision.score}%`;
  $("needle").hidden = false;
  pairs("decision", [
    ["Skills", decision.skills.join(", ")],
    ["Rule", `${decision.rule} (rules ${decision.rules_version})`],
    ["Priority", String(decision.priority)],
    ["Language", (language || "can't be told") + (looksForIt ? "" : "; no rule looks at it, LanguageRule is off")],
    ...(problem ? [["Rules", problem, "bad"]] : []),
  ]);
  const words = explanation.words.filter((word) => word.base !== 0 || word.valence !== 0);
  $("words").replaceChildren(...(words.length ? words.map(showWord) : [element("li", "none; it is neutral", "soft")]));
  $("rules").replaceChildren(...explanation.rules.map((rule) =>
    element("li", [element("b", rule.rule), `: ${rule.passed_over || "holds"}`])));
  $("others").replaceChildren(...others.map((other) => element("li", [
    element("b", `${other.scorer} scorer, language rule ${other.language_rule ? "on" : "off"}`),
    `: ${score(other.decision)}, ${other.decision.skills.join(", ")}`,
  ])));
}

function showWord(word) {
  const weight = element("b", (word.valence > 0 ? "+" : "") + word.valence.toFixed(2), word.valence < 0 ? "bad" : "good");
  const why = word.adjustments.map((adjustment) => adjustment.reason).join(", ");
  return element("li", [`${word.word} `, weight, ...(why ? [element("span", ` ${why}`, "soft")] : [])]);
}

function choose(example) {
  $("text").value = example.text;
  $("attachment").checked = example.attachment;
  preview();
}

async function loadExamples() {
  try {
    const examples = await api("/examples");
    $("examples").replaceChildren(...examples.map((example) => {
      const button = element("button", example.mood, "quiet");
      button.type = "button";
      button.addEventListener("click", () => choose(example));
      return button;
    }));
    if (!$("text").value) choose(examples[0]);
    else preview();
  } catch (error) {
    health(error);
    setTimeout(loadExamples, 3000);
  }
}

// ── Sending ──────────────────────────────────────────────────────────────────

const PICTURE = { url: "https://example.com/image.png", media_type: "image/png", size_bytes: 24500 };
let stopped = false;

function request() {
  return {
    text: $("text").value,
    platform: $("platform").value,
    thread_id: $("thread").value || undefined,
    rate: Number($("rate").value) || undefined,
    break: $("break").value || undefined,
    profile: $("name").value ? { display_name: $("name").value } : undefined,
    attachments: $("attachment").checked ? [PICTURE] : [],
  };
}

async function send(event) {
  event.preventDefault();
  const wanted = request();
  const total = Number($("count").value);
  const chunk = Math.max(1, Math.min(wanted.break === "too-large" ? 10 : CHUNK, Math.floor((wanted.rate || Infinity) * CHUNK_SECONDS)));
  const answers = new Map();
  let said = "";
  stopped = false;
  sending(true);
  try {
    for (let sent = 0; sent < total && !stopped; sent += chunk) {
      $("sent").className = "";
      $("sent").textContent = total > chunk ? `Sending ${many(sent)} of ${many(total)}…` : "Sending…";
      $("progress").value = sent / total;
      const answer = await api("/send", { ...wanted, count: Math.min(chunk, total - sent) });
      for (const one of answer.sent) {
        const word = one.status ? String(one.status) : one.error;
        answers.set(word, (answers.get(word) || 0) + 1);
        if (one.problem) said = one.problem.detail || one.problem.title || said;
        if (one.interaction_id) follow(one.interaction_id);
      }
      remember();
      showLive();
    }
    const counted = [...answers].map(([word, n]) => `${many(n)} × ${word}`).join(", ");
    $("sent").textContent = `The webhook answered ${counted}.${said ? ` It said: ${said}.` : ""}`.replace("..", ".");
    $("sent").className = answers.size === 1 && answers.has("202") ? "good" : "warn";
  } catch (error) {
    $("sent").textContent = `Not sent: ${isDown(error) && error.status === undefined ? "the stack can't be reached" : error.message}.`;
    $("sent").className = "bad";
  } finally {
    sending(false);
  }
}

function sending(now) {
  $("send").disabled = now;
  $("stop").hidden = !now || Number($("count").value) === 1;
  $("progress").hidden = $("stop").hidden;
}

// ── Following ────────────────────────────────────────────────────────────────

const interactions = new Map(); // by id, in the order in which they were sent
let open = []; // ids that are not final, the longest unasked first
const rows = new Map(); // by id: what is shown and its element

function follow(id) {
  if (interactions.has(id)) return;
  interactions.set(id, { interaction_id: id, state: "queued" });
  open.push(id);
}

function remember() {
  try { sessionStorage.setItem("followed", JSON.stringify([...interactions.keys()].slice(-LOOKUP))); } catch { /* a private window */ }
}

// The newest come first, so that what is looked at moves; the others take turns.
async function refresh() {
  if (!open.length) return false;
  const newest = open.slice(-LOOKUP);
  const asked = [...new Set([...newest, ...open.slice(0, LOOKUP * (LOOKUPS - 1))])];
  const parts = [];
  for (let at = 0; at < asked.length; at += LOOKUP) parts.push(asked.slice(at, at + LOOKUP));
  const answers = await Promise.all(parts.map((ids) => api(`/interactions?ids=${ids.join(",")}`)));
  for (const one of answers.flatMap((answer) => answer.interactions)) interactions.set(one.interaction_id, one);
  const isOpen = (id) => !FINAL.has(interactions.get(id).state);
  const seen = new Set(asked);
  const keep = new Set(newest);
  open = [...open.filter((id) => !seen.has(id)), ...asked.filter((id) => !keep.has(id) && isOpen(id)), ...newest.filter(isOpen)];
  showLive();
}

function showLive() {
  const counts = new Map();
  for (const known of interactions.values()) counts.set(known.state, (counts.get(known.state) || 0) + 1);
  const all = [...counts].map(([state, n]) => `${many(n)} ${state}`).join(", ");
  $("counts").textContent = interactions.size
    ? `${many(interactions.size)} followed: ${all}.${interactions.size > ROWS ? ` The last ${ROWS} are shown.` : ""}`
    : "Nothing sent yet.";
  const shown = [...interactions.values()].slice(-ROWS).reverse();
  const ids = new Set(shown.map((known) => known.interaction_id));
  for (const [id, old] of rows) {
    if (ids.has(id)) continue;
    old.made.remove();
    rows.delete(id);
  }
  const wanted = shown.map(row);
  let next = $("live").firstChild;
  for (const made of wanted) {
    if (made === next) next = next.nextSibling;
    else $("live").insertBefore(made, next);
  }
}

// The row of an interaction, made anew only where something changed, so that what is open stays
// open and what has the focus keeps it.
function row(known) {
  const id = known.interaction_id;
  const content = JSON.stringify(known);
  const old = rows.get(id);
  if (old?.content === content) return old.made;
  const made = element("tr", cells(known));
  if (old) {
    const wasOpen = old.made.querySelector("details")?.open;
    const focused = old.made.contains(document.activeElement) && document.activeElement.dataset.name;
    old.made.replaceWith(made);
    if (wasOpen && made.querySelector("details")) made.querySelector("details").open = true;
    if (focused) made.querySelector(`[data-name="${focused}"]`)?.focus();
  }
  rows.set(id, { content, made });
  return made;
}

const stage = (known, name) => (known.stages || []).find((one) => one.stage === name);
const TONES = { parked: "bad", waiting: "warn", synced: "good" };
const REACHED = { queued: 1, routing: 1, waiting: 1, routed: 2, ticketing: 2, synced: 3 };

function cells(known) {
  const state = element("span", known.state, TONES[known.state]);
  const reached = stage(known, "routed") && known.state !== "synced" ? 2 : REACHED[known.state] || 1;
  const track = element("span", [1, 2, 3].map((n) => element("i", "", n <= reached ? "done" : "")), `track ${TONES[known.state] || ""}`);
  track.setAttribute("aria-hidden", "true");
  const attempts = known.attempts > 1 ? ` attempt ${known.attempts}` : "";
  return [
    cell("Interaction", element("code", known.interaction_id)),
    cell("State", [track, state, attempts]),
    cell("Received", clock(stage(known, "received")?.at)),
    cell("Routed after", ...latency(stage(known, "routed"), known.routing)),
    cell("Synced after", ...latency(stage(known, "synced"), known.ticketing)),
    cell("Details", details(known)),
  ];
}

function cell(name, content, className) {
  const made = element("td", content, className);
  made.dataset.label = name;
  return made;
}

function latency(at, delivery) {
  if (!at) return ["", ""];
  // The ledger counts what goes by before the first call with the retries.
  const retried = delivery?.attempts > 1 || delivery?.history?.length;
  const waits = [["the limit", at.wait_limiter_ms], ["a retry", retried && at.wait_retry_ms], ["dead letters", at.wait_dlq_ms]]
    .filter(([, ms]) => ms > 0).map(([why, ms]) => `${millis(ms)} for ${why}`);
  const content = [at.breach ? element("b", `${millis(at.latency_ms)} breach`) : millis(at.latency_ms)];
  if (waits.length) content.push(element("small", `of it ${waits.join(", ")}`));
  return [content, at.breach ? "bad" : "good"];
}

function details(known) {
  const routed = stage(known, "routed");
  const synced = stage(known, "synced");
  const parts = [];
  const decision = routed?.decision;
  if (decision?.skills) parts.push(element("span", decision.skills.join(", ")));
  const made = [routed?.task_id && `task ${routed.task_id}`, synced?.ticket && `ticket ${synced.ticket}`].filter(Boolean);
  if (decision?.attributes?.rule) made.unshift(`rule ${decision.attributes.rule}`);
  if (made.length) parts.push(element("small", made.join(" · ")));
  if (known.reason) parts.push(element("span", known.reason, TONES[known.state] || ""));
  if (known.not_before > Date.now()) parts.push(element("small", `next try at ${clock(known.not_before)}`));
  if (known.stages?.length) parts.push(story(known));
  return parts;
}

// All times and attempts, and a way to answer in the same thread.
function story(known) {
  const times = known.stages.map((one) => [one.at, one.stage, ""]);
  for (const part of ["routing", "ticketing"]) {
    for (const event of known[part]?.history || []) times.push([event.at, `${part} ${event.what}`, event.reason]);
  }
  times.sort((a, b) => a[0] - b[0]);
  const items = times.map(([at, what, reason]) => element("li", [`${preciseClock(at)} ${what}`, reason ? `: ${reason}` : ""]));
  const twice = [known.routing, known.ticketing].some((part) => part?.possible_duplicate || part?.duplicates?.length);
  if (twice) items.push(element("li", "It may have been done twice; the task's or ticket's system knows.", "bad"));
  const summary = element("summary", "Times and attempts");
  summary.dataset.name = "story";
  const made = element("details", [summary, element("ol", items)]);
  if (known.thread_id) {
    const button = element("button", "Continue its thread", "quiet");
    button.type = "button";
    button.dataset.name = "continue";
    button.addEventListener("click", () => {
      $("thread").value = known.thread_id;
      $("platform").value = known.platform || $("platform").value;
      $("text").focus();
    });
    made.append(button);
  }
  return made;
}

async function find(event) {
  event.preventDefault();
  const id = $("find-id").value.trim();
  interactions.delete(id);
  follow(id);
  remember();
  try {
    await refresh();
  } catch (error) {
    health(error);
  }
}

// ── Figures and the stack ────────────────────────────────────────────────────

async function waits() {
  const answer = await api("/sla?hours=24");
  const figures = answer.operations[$("operation").value];
  if (!figures?.count) {
    $("percentiles").textContent = "No figures of the last 24 hours yet.";
    $("histogram").replaceChildren();
    pairs("by-platform", []);
    return;
  }
  const { count, breaches, p50, p95, p99 } = figures;
  $("percentiles").textContent =
    `${many(count)} in 24 hours: p50 ${millis(p50)}, p95 ${millis(p95)}, p99 ${millis(p99)}; ` +
    `${many(breaches)} over ${millis(answer.threshold_ms)} (${((100 * breaches) / count).toFixed(1)} %).`;
  $("histogram").replaceChildren(draw(figures, answer.threshold_ms));
  pairs("by-platform", figures.platforms.map((one) => [
    one.platform,
    `${many(one.count)}: p50 ${millis(one.p50)}, p95 ${millis(one.p95)}, p99 ${millis(one.p99)}; ${many(one.breaches)} over`,
  ]));
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const TICKS = [1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000];

// Logarithmic, as the buckets are.
function draw({ buckets, p50, p95, p99, count }, threshold) {
  const [width, height, foot, head] = [600, 190, 22, 40];
  const low = Math.log(Math.max(1, buckets[0][0]) * 0.8);
  const high = Math.log(Math.max(buckets.at(-1)[1], threshold) * 1.2);
  const x = (ms) => ((Math.log(Math.max(1, ms)) - low) / (high - low)) * width;
  const most = Math.max(...buckets.map(([, , n]) => n));
  const label = (at, y, text, className = "") =>
    svg("text", { class: className, x: at, y, "text-anchor": at < 30 ? "start" : at > width - 40 ? "end" : "middle" }, text);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Histogram of the latencies of ${count} interactions` });
  for (const [from, to, n] of buckets) {
    const tall = Math.max(2, ((height - foot - head) * n) / most);
    picture.append(svg("rect", {
      class: from >= threshold ? "breach" : "bar",
      x: x(from), y: height - foot - tall, width: Math.max(2, x(to) - x(from) - 1), height: tall,
    }, svg("title", {}, `${millis(from)} to ${millis(to)}: ${n}`)));
  }
  picture.append(svg("line", { class: "axis", x1: 0, x2: width, y1: height - foot, y2: height - foot }));
  const marks = [["p50", p50, 10, "mark"], ["p95", p95, 21, "mark"], ["p99", p99, 32, "mark"], ["limit", threshold, 10, "limit"]];
  for (const [name, ms, y, className] of marks) {
    picture.append(svg("line", { class: className, x1: x(ms), x2: x(ms), y1: y + 3, y2: height - foot }));
    picture.append(label(x(ms), y, name, className));
  }
  for (const ms of TICKS) {
    if (Math.log(ms) >= low && Math.log(ms) <= high) picture.append(label(x(ms), height - 5, millis(ms)));
  }
  return picture;
}

const NAMES = { cxone: "CXone", ticketing: "Ticketing" };

function showUpstream(one) {
  const parts = [`breaker ${one.breaker}`];
  if (one.open_since) parts.push(`since ${clock(one.open_since)}`);
  if (one.next_probe_at) parts.push(`next probe at ${clock(one.next_probe_at)}`);
  if (one.breaker === "closed" && one.failed_in_a_row) parts.push(`${one.failed_in_a_row} failed in a row`);
  if (one.held_until) parts.push(`it asked for a pause until ${clock(one.held_until)}`);
  const tone = one.breaker === "open" ? "bad" : one.failed_in_a_row || one.held_until ? "warn" : "good";
  return [NAMES[one.upstream] || one.upstream, parts.join(", "), tone];
}

const TOKEN_TONES = { OK: "good", EXPIRING: "warn", ROTATING: "warn", REAUTH_REQUIRED: "bad" };

function showToken(one) {
  const parts = [one.state || "no rotation yet"];
  if (one.expires_at) parts.push(`until ${new Date(one.expires_at).toLocaleString()}`);
  return [one.token, parts.join(", ") + (one.reason ? `: ${one.reason}` : ""), TOKEN_TONES[one.state] || "soft"];
}

function showParked(one) {
  const facts = [one.stage, one.attempts && `attempt ${one.attempts}`, clock(one.parked_at)].filter(Boolean).join(", ");
  return element("li", [element("code", one.interaction_id), ` (${facts}): `, element("span", one.reason || "no reason kept", "bad")]);
}

// A part that could not be read says so in place of its rows.
const part = (list, show) => (list.unreadable ? [["", list.unreadable, "warn"]] : list.map(show));

async function status() {
  const now = await api("/status");
  pairs("queues", part(now.queues, (q) => [q.queue, `${q.waiting} waiting, ${q.in_flight} in work, ${q.delayed} later`]));
  pairs("upstreams", part(now.upstreams, showUpstream));
  pairs("tokens", part(now.tokens, showToken));
  const parked = now.parked.unreadable ? [element("li", now.parked.unreadable, "warn")] : now.parked.map(showParked);
  $("parked").replaceChildren(...(parked.length ? parked : [element("li", "nothing", "soft")]));
}

// ── Start ────────────────────────────────────────────────────────────────────

$("text").addEventListener("input", preview);
$("platform").addEventListener("input", preview);
$("form").addEventListener("submit", send);
$("stop").addEventListener("click", () => { stopped = true; });
$("find").addEventListener("submit", find);
$("operation").addEventListener("change", () => waits().catch(health));
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
});
try {
  for (const id of JSON.parse(sessionStorage.getItem("followed") || "[]")) follow(id);
} catch { /* a private window, or another page's data */ }
loadExamples();
every(1000, refresh);
every(3000, status);
every(5000, waits);
