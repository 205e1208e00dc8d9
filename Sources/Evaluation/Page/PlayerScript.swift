/// The script of a slider that a button plays, shared by all pages that have one.
enum PlayerScript {
  /// A function of scripts: `player(button, slider, status, show)`.
  static let text = #"""
      /** Moves a slider on while its button plays; calls `show` whenever the slider has moved. */
      function player(play, moment, status, show) {
        const calm = matchMedia("(prefers-reduced-motion: reduce)");
        let timer = null;

        function stop() {
          clearInterval(timer);
          timer = null;
          play.textContent = "Play";
          status.setAttribute("aria-live", "polite");
        }

        function start() {
          if (moment.value === moment.max) { moment.value = "0"; }
          timer = setInterval(advance, calm.matches ? 1500 : 400);
          play.textContent = "Pause";
          // Nobody wants every moment read aloud.
          status.setAttribute("aria-live", "off");
          show();
        }

        function advance() {
          moment.value = String(Number(moment.value) + 1);
          if (moment.value === moment.max) { stop(); }
          show();
        }

        moment.addEventListener("input", () => { stop(); show(); });
        play.addEventListener("click", () => { timer === null ? start() : stop(); });
        return stop;
      }
    """#
}
