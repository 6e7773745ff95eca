import { CommitUnknown, DatabaseUnavailable, isDiskFull } from '#kernel/db/index.ts'

/** Items of one flush at most: with a thousand payers at once a tenth faster than 128, where commit and the statement's start still counted. */
const BATCH_MAX = 256
/** Items worth a second writer while the first is busy: a statement costs about as much before its first row as for ten rows. */
const SHARE_MIN = 16
/** Items a writer takes up before those it served are told; fewer wait for what these may bring. */
const AHEAD_MIN = 64
const WAIT_MS_MAX = 3
const WRITERS = 2
const QUEUE_MAX = 10_000

interface Waiting<I, O> {
  readonly item: I
  readonly resolve: (value: O) => void
  readonly reject: (error: unknown) => void
}

/** No part of a batch fares better: the sender repeats, and what was written is known by its number. */
const isForAll = (error: unknown): boolean => error instanceof DatabaseUnavailable || error instanceof CommitUnknown || isDiskFull(error)

/**
 * Gathers concurrent calls into batches. A lone caller waits for nobody; while a writer is busy, an idle one starts when
 * 16 wait or the first has waited 3 ms. What waits is shared out among the idle writers, at most 256 to each.
 * A writer that is done takes up what waits before those it served are told, so that it need not wait for them. A batch that
 * fails is halved until the item at fault stands alone, unless the database itself is the fault: then all are told at once.
 * More than 10,000 waiting is refused: the caller answers 503 and the sender repeats.
 */
export function coalesce<I, O>(flush: (items: readonly I[]) => Promise<readonly O[]>): (item: I) => Promise<O> {
  const queue: Waiting<I, O>[] = []
  let writing = 0
  let timer: NodeJS.Timeout | undefined

  const settle = async (batch: readonly Waiting<I, O>[], written?: () => void): Promise<void> => {
    try {
      const answers = await flush(batch.map(({ item }) => item))
      written?.()
      for (const [i, { resolve }] of batch.entries()) resolve(answers[i]!)
    } catch (error) {
      if (batch.length === 1 || isForAll(error)) {
        written?.()
        for (const { reject } of batch) reject(error)
        return
      }
      const half = batch.length >> 1
      await settle(batch.slice(0, half))
      await settle(batch.slice(half), written)
    }
  }

  const pump = (force: boolean): void => {
    while (queue.length > 0 && writing < WRITERS && (force || writing === 0 || queue.length >= SHARE_MIN)) {
      const share = Math.ceil(queue.length / (WRITERS - writing))
      writing++
      clearTimeout(timer)
      timer = undefined
      void settle(queue.splice(0, Math.min(BATCH_MAX, Math.max(SHARE_MIN, share))), () => {
        writing--
        if (queue.length >= AHEAD_MIN) pump(false)
        // Those about to be answered may ask again in this turn of the event loop.
        setImmediate(pump, false)
      })
      force = false
    }
    if (queue.length > 0 && !timer && writing < WRITERS)
      timer = setTimeout(() => {
        timer = undefined
        pump(true)
      }, WAIT_MS_MAX)
  }

  return item =>
    new Promise((resolve, reject) => {
      if (queue.length >= QUEUE_MAX) return reject(new DatabaseUnavailable(`${QUEUE_MAX} confirmations are waiting`))
      queue.push({ item, resolve, reject })
      // The rest of this turn of the event loop may bring more: flush after it.
      if (queue.length === 1 || queue.length === SHARE_MIN) setImmediate(pump, false)
    })
}
