// The texts on the page whose contrast is below WCAG 2.2's AA (4.5, and 3 for large text), each
// with its ratio. Colours are taken as they are computed, and a background is the nearest opaque one.
(() => {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const ratio = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  let seen = 0;
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    const isField = element.matches("input, textarea, select");
    const hasText = isField || [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!hasText || element.disabled || !element.getClientRects().length || style.visibility === "hidden") continue;
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const isDrawn = element.namespaceURI.endsWith("svg");
    const found = ratio(channels(isDrawn ? style.fill : style.color), ground(element));
    seen += 1;
    if (found < needed) poor.push(`${element.tagName} ${element.className || element.id}: ${found.toFixed(2)}`);
    if (isField && element.placeholder) {
      const hint = ratio(channels(getComputedStyle(element, "::placeholder").color), ground(element));
      if (hint < 4.5) poor.push(`placeholder of ${element.id}: ${hint.toFixed(2)}`);
    }
  }
  return seen > 30 ? poor : [`only ${seen} texts were found`];
})()
