// Files on their way in: from drops, folders and pastes to pictures with paths.

const PICTURE = /\.(bmp|gif|jfif|jpe|jpeg|jpg|png|tif|tiff|webp)$/i;
const ARCHIVES = [
  [/\.zip$/i, 'application/zip'],
  [/\.tar$/i, 'application/x-tar'],
  [/\.(tgz|tar\.gz)$/i, 'application/gzip'],
];

/** Return the media type of an archive by its name, or undefined. */
export function archiveType(file) {
  return ARCHIVES.find(([pattern]) => pattern.test(file.name))?.[1];
}

/** Tell whether a file of a folder is one to send; what a reader chose by itself always is. */
function isWanted(file) {
  return !file.name.startsWith('.') && (PICTURE.test(file.name) || file.type.startsWith('image/') || Boolean(archiveType(file)));
}

/** Return [{file, path}] of files that were chosen, by themselves or with their folder. */
export function chosen(files) {
  return [...files]
    .map((file) => ({ file, path: file.webkitRelativePath || file.name }))
    .filter(({ file, path }) => path === file.name || isWanted(file));
}

/** Return [{file, path}] of a drop, with what is in its folders. */
export async function dropped(transfer) {
  // The entries must be asked for at once: a drop is empty after its event.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, found, true);
  return found;
}

async function walk(entry, found, byItself) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => { entry.file(resolve, reject); });
    if (byItself || isWanted(file)) found.push({ file, path: entry.fullPath.replace(/^\//, '') });
    return;
  }
  for (const child of await children(entry)) await walk(child, found, false);
}

async function children(folder) {
  const reader = folder.createReader();
  const all = [];
  // A reader gives a hundred at a time, and then none.
  for (;;) {
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!some.length) return all;
    all.push(...some);
  }
}
