// Sorting, filtering, the before/after sliders and the zoom. The page reads well without any of it.
"use strict";
(() => {
  const list = document.getElementById("cards");
  if (!list) return;
  const cards = [...list.children];
  for (const card of cards) {
    // "28.1,0.91;29.4,0.93": one group per output, one value per metric.
    card.values = card.dataset.values.split(";").map((row) => row.split(",").map(Number));
  }

  // --- order and filter ---
  const sort = document.getElementById("sort");
  const order = document.getElementById("order");
  const filter = document.getElementById("filter");
  const count = document.getElementById("count");

  // A number that is larger for worse pictures; NaN where there is none.
  function badness(card) {
    const { metric, output, against, higher } = sort.selectedOptions[0].dataset;
    const sign = higher === "1" ? -1 : 1;
    const all = card.values.map((row) => sign * row[metric]);
    if (output === "any") {
      const known = all.filter((value) => !Number.isNaN(value));
      return known.length ? Math.max(...known) : NaN;
    }
    if (against === undefined) return all[output];
    // Both identical to the reference: no difference, and not Infinity - Infinity.
    return all[output] === all[against] ? 0 : all[output] - all[against];
  }

  function arrange() {
    const turn = order.value === "best" ? -1 : 1;
    const keyed = cards.map((card, index) => ({
      card, index, key: sort.value === "name" ? NaN : badness(card),
    }));
    keyed.sort((a, b) => {
      if (sort.value === "name") {
        return a.card.dataset.name.localeCompare(b.card.dataset.name, undefined, { numeric: true });
      }
      const [noA, noB] = [Number.isNaN(a.key), Number.isNaN(b.key)];
      if (noA || noB) return noA - noB || a.index - b.index;
      // Compared, not subtracted: Infinity - Infinity is not a number.
      return a.key === b.key ? a.index - b.index : turn * (a.key < b.key ? 1 : -1);
    });
    list.append(...keyed.map((entry) => entry.card));
    order.disabled = sort.value === "name";
    number();
  }

  function number() {
    const wanted = filter.value.trim().toLocaleLowerCase();
    let shown = 0;
    for (const card of list.children) {
      card.hidden = !card.dataset.name.toLocaleLowerCase().includes(wanted);
      if (!card.hidden) card.querySelector(".rank").textContent = `${++shown}.`;
    }
    count.textContent = wanted ? `${shown} of ${cards.length} pictures match`
      : `${shown} ${shown === 1 ? "picture" : "pictures"}`;
    document.getElementById("no-match").hidden = shown > 0;
  }

  sort.addEventListener("change", arrange);
  order.addEventListener("change", arrange);
  filter.addEventListener("input", number);

  // --- one picture ---
  function choose(card) {
    const left = card.querySelector(".choose-left");
    if (!left) return;
    const right = card.querySelector(".choose-right");
    const sides = { left: left.value, right: right.value };
    for (const image of card.querySelectorAll(".compare img")) {
      const side = image.dataset.side;
      const onLeft = side === sides.left;
      const onRight = side === sides.right && !onLeft;
      image.classList.toggle("left", onLeft);
      image.classList.toggle("right", onRight);
      image.hidden = !onLeft && !onRight;
    }
    card.querySelector(".on-left").textContent = left.selectedOptions[0].text;
    card.querySelector(".on-right").textContent = right.selectedOptions[0].text;
    // The reference has no error of its own: the map stays at the output shown beside it.
    const mapped = sides.left === "reference" ? sides.right : sides.left;
    if (mapped !== "reference") {
      for (const image of card.querySelectorAll(".heat img")) {
        image.hidden = image.dataset.side !== mapped;
      }
      card.querySelector(".of").textContent =
        card.querySelector(`.heat img[data-side="${mapped}"]`).dataset.label;
    }
  }

  function zoom(card, factor, at) {
    for (const button of card.querySelectorAll(".zoom button")) {
      button.setAttribute("aria-pressed", String(button.value === factor));
    }
    const stages = [...card.querySelectorAll(".stage")];
    if (factor === "fit") {
      delete card.dataset.zoom;
    } else {
      card.dataset.zoom = factor;
      card.style.setProperty("--zoom", factor);
    }
    const [x, y] = at ?? [0.5, 0.5];
    for (const stage of stages) {
      stage.scrollLeft = x * stage.scrollWidth - stage.clientWidth / 2;
      stage.scrollTop = y * stage.scrollHeight - stage.clientHeight / 2;
    }
  }

  function split(frame, percent) {
    frame.style.setProperty("--split", `${percent}%`);
  }

  function prepare(card) {
    const frame = card.querySelector(".compare .frame");
    const slider = card.querySelector(".slider");
    slider.value = "50"; // a reload may bring back the last value, and the picture would not fit it
    slider.addEventListener("input", () => split(frame, slider.value));

    let dragging = null;
    const follow = (event) => {
      const box = frame.getBoundingClientRect();
      const percent = Math.min(100, Math.max(0, (100 * (event.clientX - box.left)) / box.width));
      slider.value = String(Math.round(percent));
      split(frame, percent);
    };
    frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      dragging = event.pointerId;
      // Keeps the drag when the pointer leaves the picture, down to both edges.
      frame.setPointerCapture(dragging);
      slider.focus({ preventScroll: true });
      follow(event);
      if (event.pointerType === "mouse") event.preventDefault();
    });
    frame.addEventListener("pointermove", (event) => {
      if (event.pointerId === dragging) follow(event);
    });
    const stop = (event) => {
      if (event.pointerId === dragging) dragging = null;
    };
    frame.addEventListener("pointerup", stop);
    frame.addEventListener("pointercancel", stop);

    const stages = [...card.querySelectorAll(".stage")];
    for (const stage of stages) {
      // Output and error map scroll as one.
      stage.addEventListener("scroll", () => {
        for (const other of stages) {
          if (other.scrollLeft !== stage.scrollLeft) other.scrollLeft = stage.scrollLeft;
          if (other.scrollTop !== stage.scrollTop) other.scrollTop = stage.scrollTop;
        }
      });
      stage.addEventListener("dblclick", (event) => {
        const box = stage.querySelector(".frame").getBoundingClientRect();
        const at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
        zoom(card, "zoom" in card.dataset ? "fit" : "2", at);
      });
    }
    for (const button of card.querySelectorAll(".zoom button")) {
      button.addEventListener("click", () => zoom(card, button.value));
    }
    for (const select of card.querySelectorAll("select")) {
      select.selectedIndex = [...select.options].findIndex((option) => option.defaultSelected);
      select.addEventListener("change", () => choose(card));
    }
  }

  cards.forEach(prepare);
  // A reload may bring back what was chosen before, while the cards stand in their first order.
  sort.selectedIndex = 0;
  order.value = "worst";
  filter.value = "";
  number();
})();
