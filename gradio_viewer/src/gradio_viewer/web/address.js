// The address says what is shown. Links and the search form change it; `go` has the page follow.
import { forgetTyped, queryOf } from "./search.js";

let told = () => {};
let timer = 0;
const SEARCHED = { results: true, plots: true };

export function go() {
  document.querySelector("#go")?.click();
}

export function goAgain(afterMs) {
  clearTimeout(timer);
  timer = setTimeout(go, afterMs);
}

export function navigate(query) {
  if (query !== location.search) history.pushState(null, "", query);
  arrive();
}

function arrive() {
  const query = new URLSearchParams(location.search);
  if (query.get("tab") in SEARCHED) sessionStorage.setItem(`fp-${query.get("tab")}`, location.search);
  remember();
  forgetTyped();
  told(query);
  showTab(query);
  clearTimeout(timer);
  go();
  window.scrollTo(0, 0);
}

// The tab changes at once; what it shows comes when the server has it.
function showTab(query) {
  const name = query.get("image") ? "Image" : query.get("tab") ?? "upload";
  for (const tab of document.querySelectorAll("#tabs button[role=tab]")) {
    if (tab.textContent.trim().toLowerCase() === name.toLowerCase() && tab.ariaSelected !== "true") tab.click();
  }
}

// The tab of the address, as soon as there are tabs: what it shows may take its time.
function showFirst() {
  if (!location.search) return;
  if (!document.querySelector("#tabs button[role=tab]")) return requestAnimationFrame(showFirst);
  showTab(new URLSearchParams(location.search));
}

// Back to the results, or the plots, means: to the search as it was.
function resolved(href) {
  const tab = Object.keys(SEARCHED).find((name) => href === `?tab=${name}`);
  return tab ? sessionStorage.getItem(`fp-${tab}`) ?? href : href;
}

function ofTab(tab) {
  const names = { Upload: "?tab=upload", Results: resolved("?tab=results"), Plots: resolved("?tab=plots") };
  if (tab === "Image") return sessionStorage.getItem("fp-image");
  return names[tab];
}

export function follow(callback) {
  told = callback;
  addEventListener("popstate", arrive);
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest?.("a[href^='?']");
    if (link && !link.target) {
      event.preventDefault();
      const href = link.getAttribute("href");
      navigate(link.classList.contains("fp-back") ? resolved(href) : href);
      return;
    }
    const tab = event.target.closest?.("#tabs button[role=tab]");
    if (!tab || !event.isTrusted) return;
    const query = ofTab(tab.textContent.trim());
    if (query && query !== location.search) navigate(query);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches?.(".fp-search")) return;
    event.preventDefault();
    navigate(`?${queryOf(event.target)}`);
  });
  addEventListener("pagehide", remember);
  showFirst();
  remember();
  catchUp();
}

// A tab may have been chosen before this script came.
function catchUp() {
  const tab = document.querySelector("#tabs button[role=tab][aria-selected=true]");
  const query = !location.search && tab && ofTab(tab.textContent.trim());
  if (query && query !== "?tab=upload") navigate(query);
}

function remember() {
  if (new URLSearchParams(location.search).get("image")) sessionStorage.setItem("fp-image", location.search);
}
