/// The script of a report on sweeps: hides policies, sorts and filters tables, reads marks out.
enum SweepPageScript {
  static let text = #"""
    "use strict";
    (() => {
      const find = (id) => document.getElementById(id);
      const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
      const boxes = all("#boxes input");
      const hidden = () => new Set(boxes.filter((box) => !box.checked).map((box) => box.value));

      /** Hides marks, lines and rows of the policies whose boxes are not checked. */
      function toggle() {
        const away = hidden();
        const names = Array.from(away, (policy) => `[data-policy="${policy}"]`).join();
        find("hidden-policies").textContent = names === "" ? "" : `${names}{display:none!important}`;
        const shown = boxes.length - away.size;
        find("shown").textContent = away.size === 0 ? "all" : `${shown} of ${boxes.length}`;
        all(".plot").forEach((plot) => drawFront(plot, away));
      }

      /** Where the middle of a mark is in its picture. */
      function place(mark) {
        const { e, f } = mark.transform.baseVal.consolidate().matrix;
        return { x: e, y: f };
      }

      /** Joins the marks that no visible mark beats. */
      function drawFront(plot, away) {
        const front = plot.querySelector(".front");
        if (front === null) { return; }
        const up = plot.dataset.better === "more" ? 1 : -1;
        const marks = all(".mark[data-policy]", plot)
          .filter((mark) => !away.has(mark.dataset.policy)).map(place)
          .sort((a, b) => a.x - b.x || up * (a.y - b.y));
        let path = "";
        let best = Infinity;
        for (const { x, y } of marks) {
          if (up * y >= best) { continue; }
          path += path === "" ? `M${x} ${y}` : `H${x}V${y}`;
          best = up * y;
        }
        front.setAttribute("d", path);
      }

      /** The visible marks of a plot from left to right, with their places on the screen. */
      function marks(plot) {
        return all(".mark,.at", plot).map((mark) => {
          const box = mark.getBoundingClientRect();
          const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
          // An upright stroke is a mark without a width; a hidden mark has no height either.
          return { mark, ...middle, size: box.width, isShown: box.width + box.height > 0 };
        }).filter((one) => one.isShown).sort((a, b) => a.x - b.x || a.y - b.y);
      }

      function pick(plot, mark) {
        all(".picked", plot).forEach((other) => other.classList.remove("picked"));
        mark?.classList.add("picked");
        plot.nextElementSibling.textContent = mark?.querySelector("title").textContent ?? "";
      }

      function point(plot, event) {
        let nearest = null;
        let least = 40;
        for (const { mark, x, y, size } of marks(plot)) {
          const distance = Math.max(0, Math.hypot(event.clientX - x, event.clientY - y) - size / 2);
          if (distance < least) { [nearest, least] = [mark, distance]; }
        }
        if (nearest !== null) { pick(plot, nearest); }
      }

      function step(plot, event) {
        const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
        const list = marks(plot).map((one) => one.mark);
        if (!(event.key in steps) || list.length === 0) { return; }
        event.preventDefault();
        const now = list.findIndex((mark) => mark.classList.contains("picked"));
        const next = now < 0 ? 0 : (now + steps[event.key] + list.length) % list.length;
        pick(plot, list[next]);
      }

      /** Sorts by a column; a second time in the other direction. Lines without a value stay last. */
      function sort(head) {
        const table = head.closest("table");
        const heads = all("thead th", table);
        const column = heads.indexOf(head);
        const rises = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", rises ? "ascending" : "descending");
        const sign = rises ? 1 : -1;
        const isText = head.dataset.kind === "text";
        const key = (row) => {
          const cell = row.cells[column];
          return isText ? cell.textContent : cell.dataset.v === undefined ? NaN : Number(cell.dataset.v);
        };
        const compare = (a, b) => {
          if (isText) { return sign * (a.key < b.key ? -1 : a.key > b.key ? 1 : 0); }
          if (isNaN(a.key) || isNaN(b.key)) { return isNaN(a.key) - isNaN(b.key); }
          return sign * (a.key - b.key);
        };
        const rows = Array.from(table.tBodies[0].rows, (row) => ({ row, key: key(row) }));
        table.tBodies[0].append(...rows.sort(compare).map((one) => one.row));
      }

      function filter(field) {
        const words = field.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
        const rows = Array.from(find(field.dataset.table).tBodies[0].rows);
        rows.forEach((row) => {
          const text = Array.from(row.cells, (cell) => cell.textContent).join(" ").toLowerCase();
          row.hidden = !words.every((word) => text.includes(word));
        });
        const count = rows.filter((row) => !row.hidden).length;
        field.closest(".filter").querySelector("output").textContent =
          words.length === 0 ? "" : `${count} of ${rows.length} lines`;
      }

      function check(state) {
        boxes.forEach((box) => { box.checked = state; });
        toggle();
      }

      boxes.forEach((box) => { box.addEventListener("change", toggle); });
      find("every").addEventListener("click", () => check(true));
      find("none").addEventListener("click", () => check(false));
      all(".plot").forEach((plot) => {
        plot.addEventListener("pointermove", (event) => point(plot, event));
        plot.addEventListener("pointerdown", (event) => point(plot, event));
        plot.addEventListener("keydown", (event) => step(plot, event));
      });
      all(".sortable thead th").forEach((head) => {
        head.querySelector("button").addEventListener("click", () => sort(head));
      });
      all(".filter").forEach((place) => {
        const field = place.querySelector("input");
        field.addEventListener("input", () => filter(field));
        place.hidden = false;
      });
      document.querySelector(".buttons").hidden = false;
      if (matchMedia("(max-width: 44rem)").matches) {
        document.querySelector(".toggles details").open = false;
      }
      const link = find("download");
      link.href = URL.createObjectURL(new Blob([find("numbers").textContent.trimStart()]));
      link.hidden = false;
      toggle();
    })();
    """#
}
