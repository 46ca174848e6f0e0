/** Files that come by drop or paste, from anywhere over the messages. */

const carries = (event) => event.dataTransfer?.types.includes("Files");

/** @param {HTMLElement} zone @param {(files: File[]) => void} onFiles */
export function acceptFiles(zone, onFiles) {
  zone.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    zone.classList.add("dropping");
  });
  zone.addEventListener("dragleave", (event) => {
    if (!zone.contains(event.relatedTarget)) zone.classList.remove("dropping");
  });
  zone.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    zone.classList.remove("dropping");
    onFiles([...event.dataTransfer.files]);
  });
  zone.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (!files.length) return;
    event.preventDefault();
    onFiles(files);
  });
}
