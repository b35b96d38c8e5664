// Table: rows in the order of the column that is clicked, up or down.

function sortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    head.querySelector("button").addEventListener("click", () => {
      const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const rows = [...body.rows].sort((one, other) => compare(one, other, place));
      body.append(...(order === "ascending" ? rows : rows.reverse()));
    });
  });
}

function atomOf(row) {
  return Number(row.cells[0].textContent);
}

// Numbers by size, texts by letters, atoms that are equal in their order.
function compare(one, other, place) {
  const [a, b] = [one, other].map((row) => row.cells[place].textContent);
  const [x, y] = [Number(a), Number(b)];
  const numbers = !Number.isNaN(x) && !Number.isNaN(y);
  const difference = numbers ? x - y : a.localeCompare(b);
  return difference || atomOf(one) - atomOf(other);
}

// Name the atom of the row that is pointed at.
function pointing(table) {
  const body = table.tBodies[0];
  body.addEventListener("mouseover", (event) => {
    const row = event.target.closest("tr");
    if (row) {
      pointAt(atomOf(row));
    }
  });
  body.addEventListener("mouseleave", () => pointAt(-1));
}

