/// The script that tells a page's story from the report embedded in the page.
enum StoryScript {
  static let text = #"""
    "use strict";
    (() => {
    \#(PlayerScript.text)

      const find = (id) => document.getElementById(id);
      const story = JSON.parse(find("report").textContent).story;
      const [teller, play, moment, status, result] =
        ["teller", "play", "moment", "status", "result"].map(find);
      const prompt = write(find("prompt"), story.prompt, []);
      let answer = [];

      /** Fills a place with lines of one element per token, and returns these elements. */
      function write(place, words, mistakes) {
        const wrong = new Set(mistakes);
        let line = null;
        place.replaceChildren();
        return words.map((word, index) => {
          if (line === null) {
            line = place.appendChild(document.createElement("div"));
          }
          const token = document.createElement(wrong.has(index) ? "em" : "span");
          token.textContent = word;
          // The end of a line stays on it.
          line.append(token, words[index + 1] === "\n" ? "\u00a0" : " ");
          if (word === "\n") {
            token.textContent = "↵";
            token.dataset.end = "";
            line = null;
          }
          return token;
        });
      }

      /** Gives each token the class of its share of lanes; those not yet written have none. */
      function show() {
        const told = story.tellers[Number(teller.value)];
        const time = Number(moment.value);
        const held = told.kept[time] ?? "";
        prompt.concat(answer).forEach((token, index) => {
          const share = held.charAt(index);
          token.className = share === "" ? "later" : "held" + share;
        });
        const written = Math.min(story.moments[time], told.answer.length);
        status.textContent = describe(held, written, told.answer.length);
        find("now").style.top = `${(100 * (time + 0.5)) / story.moments.length}%`;
        moment.setAttribute("aria-valuetext", `${written} tokens of the answer`);
      }

      /** Draws each moment below the one before: per token a pixel, as black as it is held. */
      function draw(told) {
        const strip = find("strip");
        const rows = 4;
        strip.width = prompt.length + answer.length;
        strip.height = rows * story.moments.length;
        const context = strip.getContext("2d");
        told.kept.forEach((held, time) => {
          Array.from(held, Number).forEach((share, index) => {
            context.globalAlpha = share / 9;
            context.fillRect(index, rows * time, 1, rows);
          });
        });
        find("edge").style.left = `${(100 * prompt.length) / strip.width}%`;
      }

      /** Says how the whole answer came out, beside that of full attention. */
      function judge(told) {
        const full = story.tellers[0];
        const own = `${told.label} passes ${told.tally.hits} of ${told.tally.checks} checks`;
        return told === full
          ? `${own}.`
          : `${own}; ${full.label} attention, ${full.tally.hits} of ${full.tally.checks}.`;
      }

      function describe(held, written, length) {
        const shares = Array.from(held, Number);
        const forgotten = shares.filter((share) => share === 0).length;
        const sum = shares.reduce((total, share) => total + share, 0);
        const mean = shares.length === 0 ? 0 : (100 * sum) / (9 * shares.length);
        return `${written} of ${length} tokens written. Of the ${held.length} tokens so far, ` +
          `${forgotten} are forgotten by all lanes; a lane holds ${mean.toFixed(0)}% on average.`;
      }

      function choose() {
        const told = story.tellers[Number(teller.value)];
        answer = write(find("answer"), told.answer, told.mistakes);
        result.textContent = judge(told);
        draw(told);
        show();
      }

      teller.addEventListener("change", choose);
      player(play, moment, status, show);
      find("telling").hidden = false;
      choose();
    })();
    """#
}
