"use strict";
(() => {
  const paths = ["Copy", "Splice", "Sockmap", "Managed"];
  const keep = 120;
  const $ = id => document.getElementById(id);
  const history = [];
  let token = sessionStorage.getItem("token");
  let previous = null;
  let after = 0;
  let next = null;

  // Everything that comes from outside goes through textContent.
  const node = (name, attributes, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "onclick") element.addEventListener("click", value);
      else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.filter(child => child !== null && child !== undefined).map(child => child instanceof Node ? child : String(child)));
    return element;
  };
  const svg = (name, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const scale = (value, base, units) => {
    let unit = 0;
    while (value >= base && unit < units.length - 1) { value /= base; unit++; }
    return `${value >= 100 || unit === 0 ? Math.round(value) : value.toPrecision(3).replace(/\.?0+$/, "")}${units[unit]}`;
  };
  const count = value => scale(value, 1000, ["", "k", "M", "G"]);
  const bytes = value => scale(value, 1024, [" B", " KiB", " MiB", " GiB", " TiB"]);
  const bits = value => scale(value, 1000, [" bit/s", " kbit/s", " Mbit/s", " Gbit/s"]);
  const ms = seconds => seconds === null ? "–" : seconds < 0.001 ? `${Math.round(seconds * 1e6)} µs` : seconds < 1 ? `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms` : `${seconds.toFixed(1)} s`;
  const age = seconds => seconds < 60 ? `${seconds.toFixed(seconds < 10 ? 1 : 0)} s` : seconds < 3600 ? `${Math.floor(seconds / 60)} min` : seconds < 86400 ? `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min` : `${Math.floor(seconds / 86400)} d ${Math.floor(seconds % 86400 / 3600)} h`;

  const ask = async (path, method, body) => {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    if (body) headers["Content-Type"] = "application/json";
    const response = await fetch(path, { method: method || "GET", headers, body: body && JSON.stringify(body), cache: "no-store" });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw Object.assign(new Error(answer.error || `HTTP ${response.status}`), { status: response.status });
    return answer;
  };
  const notice = text => { const line = $("notice"); line.hidden = !text; if (line.textContent !== (text || "")) line.textContent = text || ""; };

  const series = (live, name) => live.metrics[name] ? live.metrics[name].series : [];
  const total = (live, name, wanted) => series(live, name)
    .filter(one => Object.entries(wanted || {}).every(([key, value]) => one.labels[key] === value))
    .reduce((sum, one) => sum + one.value, 0);
  // The quantile of what was recorded between two readings, linear within its bucket, of all series together.
  const quantile = (now, before, name, q) => {
    const family = now.metrics[name];
    if (!family) return null;
    const sum = live => (live && live.metrics[name] ? live.metrics[name].series : [])
      .reduce((all, one) => all.map((value, i) => value + one.counts[i]), new Array(family.bounds.length + 1).fill(0));
    const older = sum(before);
    const counts = sum(now).map((value, i) => value - older[i]);
    const all = counts[counts.length - 1];
    if (all <= 0) return null;
    const i = counts.findIndex(value => value >= q * all);
    if (i >= family.bounds.length) return family.bounds[i - 1];
    const low = i === 0 ? 0 : family.bounds[i - 1];
    const under = i === 0 ? 0 : counts[i - 1];
    return low + (family.bounds[i] - low) * (q * all - under) / Math.max(1, counts[i] - under);
  };

  const chart = (target, lines, format, label) => {
    const box = $(target);
    const width = Math.max(260, box.clientWidth), height = 180, left = 86, bottom = 20, top = 8;
    const highest = Math.max(1e-9, ...lines.flatMap(line => line.values.filter(value => value !== null)));
    const power = 10 ** Math.floor(Math.log10(highest));
    const limit = [1, 2, 5, 10].map(step => step * power).find(step => step >= highest * 0.999);
    const x = i => left + (width - left - 6) * i / (keep - 1);
    const y = value => top + (height - top - bottom) * (1 - value / limit);
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      parts.push(svg("line", { class: "grid", x1: left, x2: width - 6, y1: y(limit * share), y2: y(limit * share) }));
      parts.push(svg("text", { x: left - 8, y: y(limit * share) + 4, "text-anchor": "end" }, format(limit * share)));
    }
    parts.push(svg("text", { x: left, y: height - 4 }, "2 min ago"), svg("text", { x: width - 6, y: height - 4, "text-anchor": "end" }, "now"));
    for (const line of lines) {
      const offset = keep - line.values.length;
      let path = "", start = null, last = null;
      line.values.forEach((value, i) => {
        if (value === null) return;
        path += `${path ? "L" : "M"}${x(offset + i).toFixed(1)} ${y(value).toFixed(1)}`;
        start = start === null ? x(offset + i) : start;
        last = x(offset + i);
      });
      if (!path) continue;
      parts.push(svg("path", { class: `area ${line.kind}`, d: `${path}L${last.toFixed(1)} ${y(0)}L${start.toFixed(1)} ${y(0)}Z` }));
      parts.push(svg("path", { class: `stroke ${line.kind}`, d: path }));
    }
    box.setAttribute("viewBox", `0 0 ${width} ${height}`);
    box.setAttribute("aria-label", `${label}: ${lines.map(line => `${line.name} ${format(line.values[line.values.length - 1] || 0)}`).join(", ")}`);
    box.replaceChildren(...parts);
  };
  const legend = (target, lines) => $(target).replaceChildren(...lines.map(line => node("li", { class: line.kind }, node("span", {}, line.name))));

  const fill = (table, rows, nothing) => {
    const body = $(table).tBodies[0];
    const columns = $(table).tHead.rows[0].cells.length;
    const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.key : null;
    body.replaceChildren(...(rows.length ? rows : [node("tr", {}, node("td", { class: "empty", colspan: columns }, nothing))]));
    // The row under the keyboard is a new one, and keeps the keyboard.
    if (focused && document.activeElement === document.body) [...body.querySelectorAll("button")].find(button => button.dataset.key === focused)?.focus();
  };
  const cell = (content, kind) => node("td", { class: kind, title: content instanceof Node ? null : String(content ?? "") }, content ?? "–");
  const act = (key, text, title, question, run) => node("button", { type: "button", class: "small", "data-key": key, "aria-label": title, onclick: () => confirmThen(title, question, run) }, text);

  const confirmThen = (title, text, run) => {
    if (!token) { openSignIn(); return; }
    const dialog = $("d-confirm");
    $("d-confirm-title").textContent = title;
    $("d-confirm-text").textContent = text;
    dialog.returnValue = "no";
    dialog.onclose = async () => {
      if (dialog.returnValue !== "yes") return;
      try { await run(); notice(""); await refreshTables(); } catch (error) { refused(error); }
    };
    dialog.showModal();
  };
  const refused = error => {
    if (error.status === 401) { forget(); openSignIn(); }
    notice(`The gateway refused: ${error.message}.`);
  };

  const openSignIn = () => { $("token").value = ""; $("d-token").showModal(); $("token").focus(); };
  const forget = () => { token = null; sessionStorage.removeItem("token"); showSignIn(); };
  const showSignIn = () => { $("signin").textContent = token ? "Sign out" : "Sign in"; };
  $("signin").addEventListener("click", () => token ? forget() : openSignIn());
  $("token-cancel").addEventListener("click", () => $("d-token").close());
  $("token-form").addEventListener("submit", () => {
    token = $("token").value.trim() || null;
    $("token").value = "";
    if (token) sessionStorage.setItem("token", token);
    showSignIn();
    notice("");
    poll();
  });

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const showTheme = () => { document.documentElement.dataset.theme = localStorage.getItem("theme") || (dark.matches ? "dark" : "light"); };
  $("theme").addEventListener("click", () => { localStorage.setItem("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark"); showTheme(); });
  dark.addEventListener("change", showTheme);

  const read = live => {
    const seconds = previous ? Math.max(0.001, (live.now - previous.now) / 1000) : null;
    // The first reading has nothing to be compared with.
    const rate = (name, wanted) => seconds ? Math.max(0, total(live, name, wanted) - total(previous, name, wanted)) / seconds : 0;
    const point = { sessions: {}, bytes: {} };
    for (const path of paths) {
      point.sessions[path] = total(live, "splice_sessions_active", { splice_path: path });
      point.bytes[path] = seconds ? 8 * rate("splice_bytes_total", { splice_path: path }) : null;
    }
    point.connecting = total(live, "splice_sessions_active", { splice_path: "None" });
    point.up = 8 * rate("splice_bytes_total", { direction: "upstream" });
    point.down = 8 * rate("splice_bytes_total", { direction: "client" });
    const older = history.length > 9 ? history[history.length - 10].live : history.length ? history[0].live : null;
    for (const [key, name] of [["firstByte", "splice_first_byte_duration_seconds"], ["http", "gateway_http_request_duration_seconds"]]) {
      point[`${key}50`] = quantile(live, older, name, 0.5);
      point[`${key}99`] = quantile(live, older, name, 0.99);
    }
    const requests = reading => series(reading, "gateway_http_request_duration_seconds").reduce((sum, one) => sum + one.counts[one.counts.length - 1], 0);
    point.requests = seconds ? Math.max(0, requests(live) - requests(previous)) / seconds : 0;
    point.live = live;
    history.push(point);
    if (history.length > keep) history.shift();
    // Old readings are needed for ten points only; a tab that stays open for days must not grow.
    if (history.length > 12) history[history.length - 13].live = null;
    previous = live;
    return point;
  };

  const showLive = (live, point) => {
    const state = $("state");
    state.textContent = live.state;
    state.className = `pill ${live.state === "ready" ? "good" : "warn"}`;
    $("about").textContent = `version ${live.version} · up ${age(live.uptime)}`;
    $("f-sessions").textContent = count(live.sessions);
    $("f-sessions-more").textContent = paths.filter(path => point.sessions[path]).map(path => `${count(point.sessions[path])} ${path}`).concat(point.connecting ? [`${count(point.connecting)} connecting`] : []).join(" · ") || "none open";
    $("f-bytes").textContent = bits(point.up + point.down);
    $("f-bytes-more").textContent = `↑ ${bits(point.up)} · ↓ ${bits(point.down)}`;
    $("f-http").textContent = `${count(point.requests)}/s`;
    $("f-http-more").textContent = `p50 ${ms(point.http50)} · p99 ${ms(point.http99)}`;
    $("f-latency").textContent = ms(point.firstByte99);
    $("f-latency-more").textContent = `p50 ${ms(point.firstByte50)} · TCP sessions`;

    const used = paths.filter(path => history.some(one => one.sessions[path] || one.bytes[path]));
    const shown = used.length ? used : ["Copy"];
    const lines = key => shown.map(path => ({ name: path, kind: path.toLowerCase(), values: history.map(one => one[key][path]) }));
    chart("c-sessions", lines("sessions"), count, "Sessions by path");
    chart("c-bytes", lines("bytes"), bits, "Throughput by path");
    legend("l-sessions", lines("sessions"));
    legend("l-bytes", lines("bytes"));
    const waits = [
      { name: "TCP first byte p99", kind: "p99", values: history.map(one => one.firstByte99) },
      { name: "TCP first byte p50", kind: "p50", values: history.map(one => one.firstByte50) },
      { name: "HTTP p99", kind: "connect", values: history.map(one => one.http99) }].filter(line => line.values.some(value => value !== null));
    chart("c-latency", waits, value => value === 0 ? "0" : ms(value), "Latency");
    legend("l-latency", waits);
  };

  let lastWorkers = null;
  const showWorkers = workers => {
    const now = performance.now();
    const nodes = new Map();
    let sum = 0;
    for (const worker of workers) {
      const old = lastWorkers && lastWorkers.list.find(one => one.worker === worker.worker);
      const share = old ? Math.min(1, Math.max(0, (worker.busySeconds - old.busySeconds) * 1000 / (now - lastWorkers.at))) : 0;
      sum += share;
      const percent = `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
      const bar = node("i", {});
      bar.style.transform = `scaleX(${share})`;
      const local = worker.nodeLocal === null ? "" : `${Math.round(worker.nodeLocal * 100)} % of them from its node`;
      const row = node("div", { class: "worker", role: "img", "aria-label": [`worker ${worker.worker}: ${percent} busy`, `${worker.descriptors} descriptors`, `${worker.accepted} accepted`, local].filter(Boolean).join(", "), title: [`${worker.descriptors} descriptors`, `${worker.accepted} accepted`, local].filter(Boolean).join(", ") },
        node("span", {}, `${worker.worker}`, node("span", { class: "soft" }, worker.cpu === null ? " · any CPU" : ` · CPU ${worker.cpu}`)), node("div", { class: "track" }, bar), node("b", {}, percent),
        node("span", { class: "soft local" }, worker.nodeLocal === null ? "" : `${Math.round(worker.nodeLocal * 100)} % local`));
      const name = worker.node === null ? "Memory node unknown" : `Memory node ${worker.node}`;
      nodes.set(name, [...(nodes.get(name) || []), row]);
    }
    lastWorkers = { at: now, list: workers };
    $("workers").replaceChildren(...[...nodes].map(([name, rows]) => node("div", { class: "node" }, node("h3", {}, name), ...rows)));
    $("f-busy").textContent = workers.length ? `${Math.round(100 * sum / workers.length)} %` : "–";
    $("f-busy-more").textContent = workers.length ? `${workers.length} workers, ${nodes.size} ${nodes.size === 1 ? "node" : "nodes"}` : "no event loops here";
  };

  let lastRoutes = null;
  const showRoutes = routes => {
    const now = performance.now();
    const moved = {};
    for (const one of previous ? series(previous, "splice_bytes_total") : []) moved[one.labels.splice_route] = (moved[one.labels.splice_route] || 0) + one.value;
    for (const one of previous ? series(previous, "gateway_http_request_duration_seconds") : []) moved[one.labels.gateway_route] = (moved[one.labels.gateway_route] || 0) + one.counts[one.counts.length - 1];
    const rate = id => lastRoutes ? Math.max(0, (moved[id] || 0) - (lastRoutes.moved[id] || 0)) * 1000 / (now - lastRoutes.at) : 0;
    fill("t-routes", routes.map(route => node("tr", {},
      cell(route.id), cell(node("span", {}, node("span", { class: "tag" }, route.kind.toUpperCase()), route.mode || "")),
      cell([...(route.hosts || []), route.path].filter(Boolean).join(", ") || "everything"), cell(route.cluster, "soft"),
      cell(route.active === null ? "" : count(route.active), "n"), cell(route.kind === "tcp" ? bits(8 * rate(route.id)) : `${count(rate(route.id))}/s`, "n"))), "No routes.");
    lastRoutes = { at: now, moved };
    const select = $("s-route");
    const wanted = routes.filter(route => route.kind === "tcp").map(route => route.id);
    if (wanted.join("\n") !== [...select.options].slice(1).map(option => option.value).join("\n")) {
      const chosen = select.value;
      select.replaceChildren(node("option", { value: "" }, "all"), ...wanted.map(id => node("option", { value: id }, id)));
      select.value = wanted.includes(chosen) ? chosen : "";
    }
  };

  const health = one => one.draining ? ["draining", "warn"]
    : one.activeHealth === "unhealthy" || one.passiveHealth === "unhealthy" ? ["unhealthy", "bad"]
    : one.activeHealth === "healthy" || one.passiveHealth === "healthy" ? ["healthy", "good"] : [one.available ? "in use" : "not used", one.available ? "" : "warn"];
  const showDestinations = list => fill("t-destinations", list.map(one => {
    const [word, kind] = health(one);
    const name = `${one.cluster}/${one.id}`;
    const url = `/api/clusters/${encodeURIComponent(one.cluster)}/destinations/${encodeURIComponent(one.id)}`;
    const moved = direction => previous ? total(previous, "splice_bytes_total", { splice_cluster: one.cluster, splice_destination: one.id, direction }) : 0;
    return node("tr", {}, cell(name), cell(one.address, "soft"), cell(node("span", { class: `pill ${kind}` }, word)), cell(count(one.active), "n"),
      cell(bytes(moved("upstream")), "n"), cell(bytes(moved("client")), "n"),
      node("td", { class: "act" },
        one.draining
          ? act(`resume ${name}`, "Resume", `Resume ${name}`, "It gets new sessions and requests again.", () => ask(url, "POST", { action: "resume" }))
          : act(`drain ${name}`, "Drain", `Drain ${name}`, "It gets no new sessions and requests; what is open goes on.", () => ask(url, "POST", { action: "drain" })),
        act(`cut ${name}`, "Cut", `Cut the sessions of ${name}`, "Every open TCP session of this destination is reset, on both sides.", () => ask(url, "POST", { action: "cut" }))));
  }), "No destinations.");

  const pathOf = one => {
    if (!one.pathToUpstream) return node("span", { class: "soft" }, "connecting");
    const names = one.pathToUpstream === one.pathToClient ? [one.pathToUpstream] : [`↑ ${one.pathToUpstream}`, `↓ ${one.pathToClient}`];
    return node("span", { title: [`mode ${one.mode}`, one.pathReason].filter(Boolean).join(": ") },
      ...names.map(name => node("span", { class: `tag ${name.replace(/^. /, "").toLowerCase()}` }, name)));
  };
  const showSessions = page => {
    next = page.next;
    $("s-next").disabled = !next;
    $("s-first").disabled = !after;
    $("h-sessions").textContent = `Sessions (${count(page.total)})`;
    fill("t-sessions", page.sessions.map(one => node("tr", {},
      cell(one.id, "n soft"), cell(one.client), cell(node("span", { title: one.serverName }, one.route, one.serverName ? node("span", { class: "soft" }, ` ${one.serverName}`) : null)),
      cell(one.destination ? node("span", { title: one.address }, `${one.cluster}/${one.destination}`) : "–"), cell(pathOf(one)),
      cell(bytes(one.bytesToUpstream), "n"), cell(bytes(one.bytesToClient), "n"), cell(age(one.durationMs / 1000), "n"),
      node("td", { class: "act" }, act(`session ${one.id}`, "Cut", `Cut session ${one.id}`, `The session of ${one.client} is reset, on both sides.`, () => ask(`/api/sessions/${one.id}`, "DELETE"))))),
    after ? "No more sessions." : "No open sessions.");
  };
  $("s-next").addEventListener("click", () => { after = next || 0; refreshTables(); });
  $("s-first").addEventListener("click", () => { after = 0; refreshTables(); });
  $("s-route").addEventListener("change", () => { after = 0; refreshTables(); });

  const refreshTables = async () => {
    const route = $("s-route").value;
    const [routes, destinations, sessions] = await Promise.all([ask("/api/routes"), ask("/api/destinations"),
      ask(`/api/sessions?limit=50&after=${after}${route ? `&route=${encodeURIComponent(route)}` : ""}`)]);
    showRoutes(routes);
    showDestinations(destinations);
    showSessions(sessions);
  };

  let isPolling = false, turn = 0, timer = null;
  const poll = async () => {
    clearTimeout(timer);
    if (!isPolling && !document.hidden) {
      isPolling = true;
      try {
        const [live, workers] = await Promise.all([ask("/api/live"), ask("/api/workers")]);
        showLive(live, read(live));
        showWorkers(workers);
        if (turn++ % 2 === 0 && !document.querySelector("dialog[open]")) await refreshTables();
        if ($("notice").dataset.kind === "lost") { delete $("notice").dataset.kind; notice(""); }
      } catch (error) {
        $("state").textContent = error.status === 401 ? "token needed" : "no answer";
        $("state").className = "pill bad";
        if (error.status === 401) { if (token) forget(); notice("A token is needed to see this gateway: sign in."); } else notice(`The gateway does not answer: ${error.message}.`);
        $("notice").dataset.kind = "lost";
      }
      isPolling = false;
    }
    timer = setTimeout(poll, 1000);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
  showTheme();
  showSignIn();
  poll();
})();
