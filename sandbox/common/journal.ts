import { appendFileSync, existsSync, readFileSync } from 'node:fs'

/** An append-only file of JSON lines: a stand-in that is killed still knows its trades afterwards. */
export interface Journal<E> {
  append(event: E): void
}

/** Hands every stored event to `replay`, then opens for appending. A half-written last line is skipped. */
export function openJournal<E>(path: string, replay: (event: E) => void): Journal<E> {
  if (existsSync(path)) {
    const text = readFileSync(path, 'utf8')
    for (const line of text.split('\n')) {
      if (line === '') continue
      let event: E
      try {
        event = JSON.parse(line)
      } catch {
        continue
      }
      replay(event)
    }
    // Ends a torn line so that the next event does not melt into it.
    if (text !== '' && !text.endsWith('\n')) appendFileSync(path, '\n')
  }
  return { append: event => appendFileSync(path, `${JSON.stringify(event)}\n`) }
}
