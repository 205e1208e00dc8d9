/// The script that moves through the steps of an explanation, from the data embedded in the page.
enum ExplanationScript {
  static let text = #"""
    "use strict";
    (() => {
    \#(PlayerScript.text)

    \#(ExplanationTally.text)

      const find = (id) => document.getElementById(id);
      const data = JSON.parse(find("explanation").textContent);
      const { keyHeads, promptLength, tokens, runs } = data;
      const steps = tokens.length - promptLength;
      const lanes = runs[0].forgotten.length;
      const [choice, play, moment, status, about, field, now] =
        ["lane", "play", "moment", "status", "about", "field", "now"].map(find);
      const sides = runs.map((run, number) => ({ run, number, spans: write(number) }));
      let pointed = -1;

      /** Writes the tokens of a side, and returns their elements. */
      function write(number) {
        const places = find(`text${number}`).querySelectorAll(".flow");
        return tokens.map((word, index) => {
          const other = runs[number].wouldWrite[index - promptLength] ?? null;
          const token = document.createElement(other === null ? "span" : "em");
          const [, before, core, after] = parts(word);
          token.textContent = core;
          token.tabIndex = index === 0 ? 0 : -1;
          places[index < promptLength ? 0 : 1].append(before, token, after);
          return token;
        });
      }

      /** A token's text between the white space around it, which is not marked. */
      function parts(word) {
        const text = word.replaceAll("\n", "↵\n");
        return text.match(/^([ \t]*)(\S[^]*?)([ \t\n]*)$/) ?? ["", "", text === "" ? "◌" : text, ""];
      }

      const lane = () => Number(choice.value);
      const step = () => Number(moment.value);
      const percent = (share) => `${(share / 100).toFixed(1)}%`;
      const quoted = (word) => `“${word.replaceAll("\n", "↵").trim() || word}”`;

      /** The lists of the lane that is chosen, or all. */
      function chosen(lists) {
        const each = lists.length / lanes;
        return lane() < 0 ? lists : lists.slice(lane() * each, (lane() + 1) * each);
      }

      function choose() {
        for (const side of sides) {
          side.forgotten = tally(chosen(side.run.forgotten), tokens.length);
          side.unread = side.run.unread && tally(chosen(side.run.unread), tokens.length);
          side.lost = side.run.lost[lane() + 1];
        }
        draw();
        show();
      }

      function show() {
        const word = step() > 0 ? ` ${quoted(tokens[promptLength + step() - 1])}` : "";
        status.textContent =
          step() > 0 ? `Step ${step()} of ${steps}:${word}` : "The prompt has been read.";
        moment.setAttribute("aria-valuetext", status.textContent);
        for (const side of sides) {
          side.forgotten.move(step());
          side.unread?.move(step());
          side.spans.forEach((token, index) => { token.className = style(side, index); });
          find(`state${side.number}`).textContent = state(side);
          find(`plan${side.number}`).textContent = plan(side);
        }
        now.style.left = `${(100 * (step() - 1)) / Math.max(1, steps - 1)}%`;
        now.hidden = step() === 0;
        describe();
      }

      /** The classes of a token: its colour is the share of lanes whose attention sees it. */
      function style(side, index) {
        if (index >= promptLength + step()) { return "later"; }
        const held = side.forgotten.share(index);
        const seen = side.unread ? Math.min(held, side.unread.share(index)) : held;
        const ninths = seen === 0 || seen === 1 ? 9 * seen : Math.min(8, Math.max(1, Math.round(9 * seen)));
        return (seen === 0 && held > 0 ? "unread" : `held${ninths}`) +
          (step() > 0 && index === promptLength + step() - 1 ? " newest" : "") +
          (index === pointed ? " chosen" : "");
      }

      /** What a policy lost, holds and reads, in words. */
      function state(side) {
        const count = promptLength + step();
        const rows = (tally) => {
          let sum = 0;
          for (let index = 0; index < count; index += 1) { sum += tally.share(index); }
          return Math.round(sum);
        };
        const reads = side.unread && step() > 0 ? `, reads ${rows(side.unread)}` : "";
        const holds = `Holds ${rows(side.forgotten)} of ${count} tokens${reads}` +
          (lane() < 0 && lanes > 1 ? " in a lane, on average." : ".");
        if (step() === 0) { return holds; }
        const mean = side.lost.slice(0, step()).reduce((sum, lost) => sum + lost, 0) / step();
        const others = side.run.wouldWrite.slice(0, step());
        const other = others[step() - 1];
        return `Lost ${percent(side.lost[step() - 1])} of the attention; ${percent(mean)} on average so far. ` +
          `${holds} Agrees on ${others.filter((word) => word === null).length} of ${step()} tokens` +
          `${other === null ? "." : `; here it would have written ${quoted(other)}.`}`;
      }

      const laneName = (number) => {
        const index = lane() < 0 ? number : lane();
        return `layer ${Math.floor(index / keyHeads)} head ${index % keyHeads}`;
      };

      /** When a policy forgets what is gone after a step, in words. */
      const moments = (side, at) => at > 0 ? `after step ${at}`
        : side.run.forgetsInPrompt ? "while the prompt was read" : "after the prompt";

      /** What was forgotten after the step, in words. */
      function plan(side) {
        const when = moments(side, step());
        const groups = new Map();
        chosen(side.run.forgotten).forEach((list, number) => {
          const ranges = rangesAt(list, step());
          if (ranges.length === 0) { return; }
          const key = ranges.join();
          if (!groups.has(key)) { groups.set(key, { ranges, lanes: [] }); }
          groups.get(key).lanes.push(number);
        });
        const told = [...groups.values()].sort((a, b) => size(b.ranges) - size(a.ranges));
        if (told.length === 0) { return `nothing was forgotten ${when}`; }
        const lines = told.slice(0, 3).map((group) => {
          const others = group.lanes.length - 1;
          const who = others + 1 === lanes && lanes > 1 ? `all ${lanes} lanes`
            : laneName(group.lanes[0]) +
              (others > 0 ? ` and ${others} other lane${others > 1 ? "s" : ""}` : "");
          return `${who}: dropped ${describeRows(group.ranges)}, ${when}`;
        });
        const left = told.slice(3).reduce((sum, group) => sum + group.lanes.length, 0);
        return lines.join("\n") + (left > 0 ? `\nand ${left} more lane${left > 1 ? "s" : ""}` : "");
      }

      /** Says in the bar at the bottom what happened to the token that is pointed at. */
      function describe() {
        if (pointed < 0 || pointed >= promptLength + step()) {
          about.textContent = "";
          return;
        }
        const place = pointed < promptLength
          ? "in the prompt" : `written at step ${pointed - promptLength + 1}`;
        about.textContent = [`Token ${pointed}, ${quoted(tokens[pointed])}, ${place}`]
          .concat(sides.map((side) => `${side.run.name}: ${fate(side)}`)).join("\n");
      }

      /** What became of the token that is pointed at. */
      function fate(side) {
        const lists = chosen(side.run.forgotten);
        const losses = lists.map((list) => lossOf(list, pointed)).filter((at) => at <= step());
        const first = Math.min(...losses);
        const since = moments(side, first);
        const readers = side.run.unread?.length === lanes ? "lanes" : "query heads";
        const unread = side.unread && losses.length < lists.length && step() > 0
          ? side.unread.size - side.unread.counts[pointed] : null;
        const parts = [
          losses.length === 0 ? "held"
            : lists.length === 1 ? `forgotten ${since}`
            : `forgotten by ${losses.length} of ${lists.length} lanes, first ${since}`,
        ];
        if (unread !== null) {
          parts.push(side.unread.size > 1 ? `read by ${unread} of ${side.unread.size} ${readers}`
            : unread > 0 ? "read at this step" : "not read at this step");
        }
        const number = lane() < 0 ? null : side.run.notes[lane()]?.[pointed] ?? null;
        if (number !== null) {
          const isGone = lossOf(lists[0], pointed) < Infinity;
          parts.push(`${side.run.note} ${number} ${isGone ? "when it is forgotten" : "at the end"}`);
        }
        const missed = side.run.missed[pointed];
        if (lane() < 0 && missed > 0) { parts.push(`${percent(missed)} of all attention that the run loses`); }
        return parts.join("; ");
      }

      function point(index) {
        if (index === pointed) { return; }
        for (const side of sides) {
          side.spans[pointed]?.classList.remove("chosen");
          side.spans[index]?.classList.add("chosen");
        }
        pointed = index;
        describe();
      }

      /** Draws the attention lost of each policy by step. */
      function draw() {
        const largest = Math.max(...sides.flatMap((side) => side.lost));
        const most = [1, 2, 5, 10, 20, 30, 40, 50, 60, 80].find((level) => 100 * level >= largest) * 100 || 10000;
        find("most").textContent = `${most / 100}%`;
        const line = (side, points) =>
          `<path class="line hue${side.number}${side.number > 0 ? " dashed" : ""}" d="M${points}"/>`;
        find("chart").innerHTML = sides.map((side) => line(side, side.lost.map((lost, index) =>
          `${index + 1} ${100 - (100 * lost) / most}`).concat(
          side.lost.length === 1 ? [`1 ${100 - (100 * side.lost[0]) / most}`] : []).join("L"))).join("");
        find("chart").setAttribute("aria-label", "Attention lost by step: " + sides.map((side) =>
          `${side.run.name}, at most ${percent(Math.max(...side.lost))}`).join("; "));
        find("key").replaceChildren(...sides.map((side) => {
          const item = document.createElement("span");
          item.innerHTML = `<svg class="chart" viewBox="0 0 28 10" aria-hidden="true">${line(side, "0 5H28")}</svg>`;
          item.append(side.run.name);
          return item;
        }));
      }

      function go(to) {
        moment.value = String(Math.max(0, Math.min(steps, to)));
        moment.dispatchEvent(new Event("input"));
      }

      function seek(event) {
        const box = field.getBoundingClientRect();
        go(Math.round(1 + ((event.clientX - box.left) / box.width) * (steps - 1)));
      }

      const arrows = { ArrowLeft: -1, ArrowRight: 1 };
      player(play, moment, status, show);
      choice.addEventListener("change", choose);
      field.addEventListener("pointerdown", (event) => {
        seek(event);
        field.setPointerCapture(event.pointerId);
      });
      field.addEventListener("pointermove", (event) => { if (event.buttons > 0) { seek(event); } });
      document.addEventListener("keydown", (event) => {
        if (event.target === document.body && arrows[event.key] && !event.altKey && !event.ctrlKey && !event.metaKey) {
          go(step() + arrows[event.key]);
          event.preventDefault();
        }
      });
      for (const side of sides) {
        const place = find(`text${side.number}`);
        place.addEventListener("mouseover", (event) => point(side.spans.indexOf(event.target)));
        place.addEventListener("mouseleave", () => point(side.spans.indexOf(document.activeElement)));
        place.addEventListener("focusin", (event) => point(side.spans.indexOf(event.target)));
        place.addEventListener("focusout", () => point(-1));
        place.addEventListener("keydown", (event) => {
          const last = promptLength + step() - 1;
          const from = side.spans.indexOf(event.target);
          const to = { Home: 0, End: last }[event.key] ?? from + (arrows[event.key] ?? NaN);
          if (from < 0 || !(to >= 0 && to <= last)) { return; }
          side.spans[from].tabIndex = -1;
          side.spans[to].tabIndex = 0;
          side.spans[to].focus();
          event.preventDefault();
        });
      }
      find("telling").hidden = false;
      choose();
    })();
    """#
}
