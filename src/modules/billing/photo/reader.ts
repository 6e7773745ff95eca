import type { Logger } from 'pino'
import { fail, ok, type Result } from '#kernel/result.ts'
import { errors } from '../errors.ts'
import { PHOTO_LIMITS, type PhotoLimits } from './limits.ts'
import type { ReadPage } from './ocr/page.ts'
import { readPictureHead } from './picture.ts'
import { STOPPING, startWorker, type Worker } from './worker.ts'

interface Job {
  readonly bytes: Buffer
  readonly codePrefix: string
  readonly done: (result: Result<ReadPage>) => void
}

export interface PhotoReader {
  /** Reads one picture; they are read one after the other. Fails with the photo errors of billing, never throws. */
  read(bytes: Buffer, codePrefix: string): Promise<Result<ReadPage>>
  /** Process id of the worker while there is one, and the most memory any was seen to hold. */
  worker(): { readonly pid: number | undefined; readonly rssMax: number }
  stop(): Promise<void>
}

/** Reads pictures in a process of its own that is started when first needed and ended when nothing comes any more. */
export function createPhotoReader(log: Logger, given: Partial<PhotoLimits> = {}): PhotoReader {
  const limits = { ...PHOTO_LIMITS, ...given }
  const queue: Job[] = []
  let worker: Worker | undefined
  let state: 'none' | 'starting' | 'ready' | 'ending' = 'none'
  let current: Job | undefined
  let rssSeen = 0
  let whenStopped: (() => void) | undefined

  function settle(result: Result<ReadPage>): void {
    const job = current
    current = undefined
    job?.done(result)
  }

  function start(): void {
    state = 'starting'
    worker = startWorker(log, limits, {
      ready: () => {
        state = 'ready'
        next()
      },
      answer: result => {
        settle(result)
        next()
      },
      ending: () => {
        state = 'ending'
      },
      gone: wasReady => {
        rssSeen = Math.max(rssSeen, worker?.rssMax() ?? 0)
        worker = undefined
        state = 'none'
        settle(fail(errors.photo_failed))
        // One that cannot start would not start for the others either.
        if (!wasReady || whenStopped) for (const job of queue.splice(0)) job.done(fail(errors.photo_failed))
        if (whenStopped) whenStopped()
        else next()
      },
    })
  }

  function next(): void {
    if (current) return
    if (state === 'none' && queue.length > 0) start()
    if (state !== 'ready') return
    current = queue.shift()
    if (current) worker!.send({ bytes: current.bytes, pixelsMax: limits.pixelsMax, codePrefix: current.codePrefix })
    else worker!.rest()
  }

  return {
    worker: () => ({ pid: worker?.pid, rssMax: Math.max(rssSeen, worker?.rssMax() ?? 0) }),
    async read(bytes, codePrefix) {
      const size = checkSize(bytes, limits)
      if (!size.ok) return size
      if (whenStopped) return fail(errors.photo_failed)
      if (queue.length >= limits.queueMax) return fail(errors.photo_busy)
      return new Promise(done => {
        queue.push({ bytes, codePrefix, done })
        next()
      })
    },
    stop: () =>
      new Promise(resolve => {
        whenStopped = resolve
        if (worker) worker.end(STOPPING)
        else resolve()
      }),
  }
}

/** Before any process sees a picture: whether it is one, and how large it would be when opened. */
function checkSize(bytes: Buffer, limits: PhotoLimits): Result<void> {
  if (bytes.length > limits.bytesMax) return fail(errors.photo_too_large)
  const head = readPictureHead(bytes)
  if (!head) return fail(errors.photo_not_a_picture)
  const isLarge = Math.max(head.width, head.height) > limits.sideMax || head.width * head.height > limits.pixelsMax
  return isLarge ? fail(errors.photo_too_large) : ok(undefined)
}
