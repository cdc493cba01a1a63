// The phone page: shows what the simulator reports (Server-Sent Events) and sends a person's answers.
//
// Everything shown is set as text, never as HTML, so nothing that a client or a directory sends becomes markup.

const byId = (id) => document.getElementById(id);
const template = byId("card-template");
const cards = new Map(); // txid -> {element, endsAt, lasts}
let state = null;

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

async function post(path, body) {
  const response = await fetch(`control/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) {
    const answer = await response.json().catch(() => ({}));
    throw new Error(answer.error ?? `The simulator answered ${response.status}.`);
  }
}

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

async function attempt(action) {
  try {
    await action();
    notice("");
  } catch (error) {
    notice(error instanceof TypeError ? "The simulator cannot be reached." : error.message);
  }
}

// Cards

const FACT_NAMES = { listener: "Listener", client: "Client", from: "Client" };

function facts(push) {
  const list = [];
  for (const [name, value] of push.pushinfo) list.push([FACT_NAMES[name.toLowerCase()] ?? name, value]);
  if (push.ipaddr) list.push(["Address", push.ipaddr]);
  return list;
}

function makeCard(push) {
  const card = template.content.firstElementChild.cloneNode(true);
  const what = push.factor === "phone" ? "Phone call" : "Login request";
  card.dataset.txid = push.txid;
  card.querySelector(".card-kind").textContent = push.type ? `${what} · ${push.type}` : what;
  card.querySelector(".card-user").textContent = push.display_username || push.user;
  card.querySelector(".card-user").id = `user-${push.txid}`;
  card.setAttribute("aria-labelledby", `user-${push.txid}`);
  card.querySelector(".card-device").textContent = push.device;
  const list = card.querySelector(".facts");
  for (const [name, value] of facts(push)) list.append(element("dt", name), element("dd", value));
  list.hidden = !list.children.length;
  for (const button of card.querySelectorAll("[data-answer]")) {
    button.setAttribute("aria-describedby", `user-${push.txid}`);
    button.addEventListener("click", () => answer(push.txid, button.dataset.answer, card));
  }
  return card;
}

async function answer(txid, what, card) {
  const buttons = card.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  byId("waiting-title").focus(); // the button that had the focus is about to disappear
  await attempt(() => post("answer", { txid, answer: what }));
  for (const button of buttons) button.disabled = false;
}

function showCards() {
  const device = byId("device").value;
  const shown = state.waiting.filter((push) => !device || push.device_id === device);
  const present = new Set(shown.map((push) => push.txid));
  for (const [txid, card] of cards) {
    if (!present.has(txid)) {
      card.element.remove();
      cards.delete(txid);
    }
  }
  for (const push of shown) {
    if (cards.has(push.txid)) continue;
    const card = { element: makeCard(push), endsAt: performance.now() + push.seconds_left * 1000 };
    card.lasts = Math.max(push.seconds_left, 1) * 1000;
    cards.set(push.txid, card);
    byId("cards").append(card.element);
    const from = facts(push).map(([name, value]) => `${name} ${value}`).join(", ");
    byId("announcement").textContent = `New request for ${push.user} ${push.type} ${from}`;
  }
  const more = state.waiting_count - state.waiting.length;
  byId("more").textContent = `${more} more are waiting.`;
  byId("more").hidden = more <= 0;
  document.title = state.waiting_count ? `(${state.waiting_count}) Duo simulator` : "Duo simulator";
  tick();
}

function tick() {
  for (const card of cards.values()) {
    const left = Math.max(0, card.endsAt - performance.now());
    card.element.querySelector("progress").value = left / card.lasts;
    card.element.querySelector(".card-left").textContent = `${Math.ceil(left / 1000)} s left`;
  }
}

// The rest of the page

function showPower() {
  const on = state.reachability === "on";
  byId("power").setAttribute("aria-checked", String(on));
  const how = ["on", "off"].includes(state.reachability) ? "" : ` (${state.reachability})`;
  byId("power-text").textContent = on ? "Duo is on" : `Duo is off${how}`;
  byId("empty-title").textContent = on ? "No login is waiting" : "Duo cannot be reached";
  byId("empty-text").textContent = on
    ? "A request appears here as soon as somebody logs in with a push or a call."
    : "Log in now to see what each fail mode does. Turn Duo on again with the switch above.";
}

function showDevices() {
  const select = byId("device");
  const chosen = select.value || decodeURIComponent(location.hash.slice(1));
  const options = [new Option("All phones", "")];
  for (const person of state.people) {
    for (const device of person.devices) options.push(new Option(`${person.name}: ${device.name}`, device.id));
  }
  if (options.length === select.options.length && options.every((o, i) => o.text === select.options[i].text)) return;
  select.replaceChildren(...options);
  select.value = options.some((option) => option.value === chosen) ? chosen : "";
}

function showCommands() {
  const rows = state.commands.flatMap(({ purpose, command }) => {
    const description = element("dd");
    description.append(element("pre", command));
    return [element("dt", purpose), description];
  });
  byId("commands").replaceChildren(...rows);
  byId("commands-section").hidden = !rows.length;
  byId("portal").hidden = !state.portal_url;
  byId("portal-link").href = state.portal_url;
}

function personRow(person) {
  const row = element("li");
  const title = element("p", "", "person-name");
  title.append(person.name);
  if (person.note) title.append(element("span", ` · ${person.note}`, "quiet"));
  row.append(title);
  const line = (label, values) => {
    const text = element("p", `${label} `, "person-line quiet");
    for (const value of values) text.append(element("code", value), " ");
    row.append(text);
  };
  if (person.password) line("Password", [person.password]);
  const codes = person.passcodes.map(({ code, uses_left }) => (uses_left === null ? code : `${code} (once)`));
  if (codes.length) line(codes.length > 1 ? "Passcodes" : "Passcode", codes);
  const devices = person.devices.map((device) => device.short_name).join(", ");
  const status = person.status === "active" ? "" : person.status.replace("_", " ");
  row.append(element("p", [devices || "No device", status].filter(Boolean).join(" · "), "person-line quiet"));
  return row;
}

function showPeople() {
  byId("people").replaceChildren(...state.people.map(personRow));
  byId("people-section").hidden = !state.people.length;
}

function recentRow(login) {
  const allowed = login.result === "allow";
  const row = element("li");
  const mark = element("span", allowed ? "✓" : "✕", `mark ${allowed ? "allow" : "deny"}`);
  mark.setAttribute("aria-hidden", "true");
  const text = element("div");
  text.append(element("p", [login.user, login.type].filter(Boolean).join(" · ")));
  text.append(element("p", [login.status_msg, login.device || login.factor].join(" · "), "person-line quiet"));
  row.append(mark, text);
  return row;
}

function showRecent() {
  byId("recent").replaceChildren(...state.recent.map(recentRow));
  byId("recent-section").hidden = !state.recent.length;
}

function show(news) {
  const before = state;
  state = news;
  const differs = (key) => !before || JSON.stringify(before[key]) !== JSON.stringify(news[key]);
  showPower();
  if (differs("people")) {
    showDevices();
    showPeople();
  }
  if (differs("commands")) showCommands();
  if (differs("recent")) showRecent();
  showCards();
}

byId("power").addEventListener("click", () => {
  const next = state?.reachability === "on" ? "off" : "on";
  attempt(() => post("reachability", { state: next }));
});

byId("device").addEventListener("change", () => {
  history.replaceState(null, "", `#${byId("device").value}`);
  showCards();
});

const stream = new EventSource("events");
let lost = false;
stream.onmessage = (event) => {
  if (lost) notice("");
  lost = false;
  show(JSON.parse(event.data));
};
stream.onerror = () => {
  lost = true;
  notice("The simulator cannot be reached. This page tries again by itself.");
};
setInterval(tick, 500);
