/// The part of an explanation's script that reads changes: lists of a step, a first and a last
/// position for each change.
enum ExplanationTally {
  /// Functions of scripts: `tally(lists, tokens)`, `rangesAt(list, step)`, `lossOf(list, token)`,
  /// `size(ranges)` and `describeRows(ranges)`.
  static let text = #"""
      /** Counts for each token from how many lists it is gone, after a step that can move. */
      function tally(lists, tokens) {
        const all = [];
        for (const list of lists) {
          for (let index = 0; index < list.length; index += 3) {
            all.push([Math.abs(list[index]), list[index + 1], list[index + 2], list[index] < 0 ? -1 : 1]);
          }
        }
        all.sort((a, b) => a[0] - b[0]);
        const counts = new Int32Array(tokens);
        const size = lists.length;
        let next = 0;
        function apply([, first, last, by], direction) {
          for (let token = first; token <= last; token += 1) { counts[token] += by * direction; }
        }
        return {
          counts, size,
          share: (token) => 1 - counts[token] / size,
          move(step) {
            while (next < all.length && all[next][0] <= step) { apply(all[next], 1); next += 1; }
            while (next > 0 && all[next - 1][0] > step) { next -= 1; apply(all[next], -1); }
          },
        };
      }

      /** The ranges of positions that a list loses at a step. */
      function rangesAt(list, step) {
        const ranges = [];
        for (let index = 0; index < list.length; index += 3) {
          if (list[index] === step) { ranges.push([list[index + 1], list[index + 2]]); }
        }
        return ranges;
      }

      /** The step at which a list loses a token for good; Infinity if it does not. */
      function lossOf(list, token) {
        for (let index = 0; index < list.length; index += 3) {
          if (list[index + 1] <= token && token <= list[index + 2]) { return list[index]; }
        }
        return Infinity;
      }

      const size = (ranges) => ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);

      /** Rows in words: `dropped 16 rows, positions 40–55`. */
      function describeRows(ranges) {
        const rows = size(ranges);
        const named = ranges.slice(0, 4).map(([first, last]) => first === last ? first : `${first}–${last}`);
        const more = ranges.length > 4 ? ` and ${ranges.length - 4} more range${ranges.length > 5 ? "s" : ""}` : "";
        return `${rows} row${rows > 1 ? "s" : ""}, position${rows > 1 ? "s" : ""} ${named.join(", ")}${more}`;
      }
    """#
}
