import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const READY_MS_MAX = 120_000
const STOP_MS_MAX = 25_000
const OUTPUT_CHARS_MAX = 8_000

export const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Fails after `ms_max`: nothing in a drill may wait without an end. */
export async function within<T>(ms_max: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not done within ${ms_max} ms`)), ms_max)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Looks every 50 ms until `look` answers something; fails after `ms_max`. */
export async function until<T>(ms_max: number, what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = Date.now() + ms_max
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`${what}: not seen within ${ms_max} ms`)
    await pause(50)
  }
}

/** A process that can still run: a zombie cannot. */
export function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const readProc = (pid: number, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}

/** Processes whose command or environment names our data folder: it was made for this run, so all of them are ours. */
export function listOwn(dataDir: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => pid !== process.pid && `${readProc(pid, 'cmdline')}\0${readProc(pid, 'environ')}`.includes(dataDir))
}

export interface ProductProcess {
  readonly url: string
  /** Resolves when the product says that it is ready. Throws with its last output when it does not come up. */
  start(): Promise<void>
  /** Whether the application still runs; `output` is the end of what it said. */
  readonly isAlive: () => boolean
  readonly output: () => string
  /** SIGKILL to the application alone; resolves when it is gone. */
  kill(): Promise<void>
  /** In order; what remains after that is ended too. */
  stop(): Promise<void>
  /** Runs another command of the product on the same data and answers its exit code and output. */
  command(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }>
}

const gone = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : new Promise(resolve => child.once('exit', () => resolve()))

/** The real product as a process of its own on `dataDir`. */
export function productProcess(dataDir: string, port: number, extra: Readonly<Record<string, string>> = {}): ProductProcess {
  let child: ChildProcess | undefined
  let output = ''
  const env = {
    ...process.env,
    YIMEN_DATA: dataDir,
    PORT: String(port),
    YIMEN_SEED: 'small',
    YIMEN_LOG: 'error',
    DATABASE_URL: '',
    ...extra,
  }
  const run = (args: readonly string[]) =>
    spawn(process.execPath, ['--import', './tools/tsx.mjs', 'src/app/cli.ts', ...args], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  const collect = (stream: NodeJS.ReadableStream, chars_max: number, add: (text: string) => void) => {
    let left = chars_max
    stream.on('data', (part: Buffer) => {
      const text = part.toString().slice(0, left)
      left -= text.length
      if (text) add(text)
    })
  }
  async function start(): Promise<void> {
    const started = run(['up'])
    child = started
    output = ''
    let isReady = false
    for (const stream of [started.stdout!, started.stderr!])
      stream.on('data', (part: Buffer) => {
        output = `${output}${part}`.slice(-OUTPUT_CHARS_MAX)
        if (/^ready /m.test(output)) isReady = true
      })
    await until(READY_MS_MAX, 'the product says ready', () => {
      if (started.exitCode !== null || started.signalCode !== null) throw new Error(`the product ended at its start:\n${output}`)
      return isReady || undefined
    }).catch(error => {
      throw new Error(`${(error as Error).message}\n${output}`)
    })
  }
  return {
    url: `http://127.0.0.1:${port}`,
    start,
    isAlive: () => child !== undefined && child.exitCode === null && child.signalCode === null,
    output: () => output,
    async kill() {
      const killed = child!
      killed.kill('SIGKILL')
      await gone(killed)
    },
    async stop() {
      if (child && child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM')
        await within(STOP_MS_MAX, 'the product stops', gone(child)).catch(() => undefined)
      }
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        for (const pid of listOwn(dataDir)) {
          try {
            process.kill(pid, signal)
          } catch {
            // Gone in the meantime.
          }
        }
        await until(5_000, 'our processes end', () => (listOwn(dataDir).every(pid => !isRunning(pid)) ? true : undefined)).catch(
          () => undefined,
        )
      }
    },
    async command(...args) {
      const process = run(args)
      let stdout = ''
      let stderr = ''
      collect(process.stdout!, 1_000_000, text => {
        stdout += text
      })
      collect(process.stderr!, OUTPUT_CHARS_MAX, text => {
        stderr += text
      })
      const closed = new Promise<number | null>(resolve => process.once('close', code => resolve(code)))
      const code = await within(120_000, args.join(' '), closed).catch(error => {
        process.kill('SIGKILL')
        throw error
      })
      return { code, stdout, stderr }
    },
  }
}

/** Pid of the database server of this data folder, read from its own file; undefined while none runs. */
export function findPostmaster(dataDir: string): number | undefined {
  const file = join(dataDir, 'postgres', 'data', 'postmaster.pid')
  if (!existsSync(file)) return undefined
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  // The number may by now belong to somebody else: only a server of our folder counts.
  return pid > 1 && isRunning(pid) && readProc(pid, 'cmdline').includes(dataDir) ? pid : undefined
}
