import { DatabaseUnavailable } from '#kernel/db/index.ts'

/** Items of one flush; more gained nothing and made a conflict dearer. */
const BATCH_MAX = 64
const WAIT_MS_MAX = 3
const WRITERS = 2
const QUEUE_MAX = 10_000

interface Waiting<I, O> {
  readonly item: I
  readonly resolve: (value: O) => void
  readonly reject: (error: unknown) => void
}

/**
 * Gathers concurrent calls into batches. A flush starts when 64 wait, when the first has waited 3 ms, or at once while a
 * writer is idle, so a lone caller waits for nobody. A batch that fails is halved until the item at fault stands alone.
 * More than 10,000 waiting is refused: the caller answers 503 and the sender repeats.
 */
export function coalesce<I, O>(flush: (items: readonly I[]) => Promise<readonly O[]>): (item: I) => Promise<O> {
  const queue: Waiting<I, O>[] = []
  let writing = 0
  let timer: NodeJS.Timeout | undefined

  const settle = async (batch: readonly Waiting<I, O>[]): Promise<void> => {
    try {
      const answers = await flush(batch.map(({ item }) => item))
      for (const [i, { resolve }] of batch.entries()) resolve(answers[i]!)
    } catch (error) {
      if (batch.length === 1) return batch[0]!.reject(error)
      const half = batch.length >> 1
      await settle(batch.slice(0, half))
      await settle(batch.slice(half))
    }
  }

  const pump = (force: boolean): void => {
    while (queue.length > 0 && writing < WRITERS && (force || writing === 0 || queue.length >= BATCH_MAX)) {
      writing++
      clearTimeout(timer)
      timer = undefined
      void settle(queue.splice(0, BATCH_MAX)).finally(() => {
        writing--
        pump(true)
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
      if (queue.length === 1) setImmediate(pump, false)
      else if (queue.length >= BATCH_MAX) pump(false)
    })
}
