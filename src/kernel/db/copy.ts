import { once } from 'node:events'
import { from as copyFrom } from 'pg-copy-streams'
import type { Tx } from './index.ts'

const BUFFER_CHARS = 131_072
const NEEDS_ESCAPE = /[\\\t\n\r]/

/** A cell of COPY's text format. */
export const copyCell = (text: string): string =>
  NEEDS_ESCAPE.test(text) ? text.replace(/[\\\t\n\r]/g, c => (c === '\\' ? '\\\\' : c === '\t' ? '\\t' : c === '\n' ? '\\n' : '\\r')) : text

export const copyNullable = (value: number | undefined): string | number => value ?? '\\N'

export interface CopyWriter {
  /** Takes a row of cells, tabs between them; memory is freed by `drain`. */
  add(row: string): void
  /** Resolves at once while little is held. */
  drain(): Promise<void>
  end(): Promise<void>
}

/** Opens a COPY into a table. Until `end` nothing else may run on this transaction. */
export function copyInto(tx: Tx, table: string): CopyWriter {
  const stream = tx.client.query(copyFrom(`copy ${table} from stdin`))
  let failure: unknown
  stream.on('error', error => {
    failure ??= error
  })
  let held = ''
  const flush = async (): Promise<void> => {
    if (failure) throw failure
    if (held === '') return
    const text = held
    held = ''
    if (!stream.write(text)) await once(stream, 'drain')
  }
  return {
    add(row) {
      held += `${row}\n`
    },
    drain: () => (held.length >= BUFFER_CHARS ? flush() : Promise.resolve()),
    async end() {
      await flush()
      stream.end()
      if (!stream.writableFinished) await once(stream, 'finish')
      if (failure) throw failure
    },
  }
}
