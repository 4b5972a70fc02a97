// Justified rows: which pictures share a row, and how large they are.

/** Rows of pictures that fill a width. All sizes are in CSS pixels. */
export class JustifiedRows {
  #ratios;
  #gap;

  /**
   * `ratios` are widths by heights; `height` is the least height of a row. A row that is not full, the last one or that
   * before the picture `breakAt`, has that height.
   */
  constructor(ratios, { width, gap, height, breakAt = -1 }) {
    this.#ratios = ratios;
    this.#gap = gap;
    // [{start, end, height}]: the pictures from start to before end.
    this.rows = [];
    let [start, sum] = [0, 0];
    const close = (end, isShort) => {
      const fitting = (width - gap * (end - start - 1)) / sum;
      this.rows.push({ start, end, height: isShort ? Math.min(height, fitting) : fitting });
      [start, sum] = [end, 0];
    };
    ratios.forEach((ratio, at) => {
      const isFull = (sum + ratio) * height + gap * (at - start) > width;
      if (at > start && (isFull || at === breakAt)) close(at, !isFull);
      sum += ratio;
    });
    if (start < ratios.length) close(ratios.length, true);
  }

  /** Return the number of the row with a picture. */
  rowOf(at) {
    let [low, high] = [0, this.rows.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].end <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Return the picture of a row whose middle is nearest to that of another picture, or undefined. */
  nearest(row, at) {
    if (!this.rows[row]) return undefined;
    const goal = this.#middle(this.rowOf(at), at);
    const { start, end } = this.rows[row];
    let best = start;
    for (let other = start; other < end; other += 1) {
      if (Math.abs(this.#middle(row, other) - goal) < Math.abs(this.#middle(row, best) - goal)) best = other;
    }
    return best;
  }

  #middle(row, at) {
    const { start, height } = this.rows[row];
    const left = this.#ratios.slice(start, at).reduce((sum, ratio) => sum + ratio * height + this.#gap, 0);
    return left + (this.#ratios[at] * height) / 2;
  }
}
