import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type SandboxName = 'wechat' | 'alipay' | 'biller' | 'sms' | 'bank'

export interface SandboxProcess {
  url: string
  pid: number
  /** What the stand-in gave its customer: the parsed `<name>.json` of the keys folder. */
  config: Record<string, unknown>
  /** Resolves with the code or signal the process ended with. */
  ended: Promise<string>
  stop(): Promise<void>
}

export interface SandboxOptions {
  keysDir: string
  seed?: string
  /** Added to the environment of every child, such as SANDBOX_FAULTS or SANDBOX_TIME_SCALE. */
  env?: Record<string, string>
}

const READY_MS_MAX = 30_000
const STOP_MS_MAX = 3_000
const root = fileURLToPath(new URL('..', import.meta.url))

/** Starts stand-ins as child processes and waits until each is ready. They end with their parent. Throws when one does not come up. */
export async function startSandbox<N extends SandboxName>(
  names: readonly N[],
  options: SandboxOptions,
): Promise<Record<N, SandboxProcess>> {
  const started = await Promise.allSettled(names.map(name => startOne(name, options)))
  const failed = started.find(result => result.status === 'rejected')
  if (failed) {
    await Promise.all(started.map(result => result.status === 'fulfilled' && result.value.stop()))
    throw failed.reason
  }
  const entries = started.map((result, i) => [names[i]!, (result as PromiseFulfilledResult<SandboxProcess>).value])
  return Object.fromEntries(entries) as Record<N, SandboxProcess>
}

async function startOne(name: SandboxName, { keysDir, seed, env }: SandboxOptions): Promise<SandboxProcess> {
  // The port in our environment is the product's, not a stand-in's.
  const { PORT: _, ...environment } = process.env
  const child = spawn(process.execPath, ['--import', './tools/tsx.mjs', `sandbox/${name}/main.ts`], {
    cwd: root,
    env: { ...environment, NODE_OPTIONS: '', SANDBOX_KEYS: keysDir, SANDBOX_SEED: seed ?? '1', SANDBOX_PARENT: '1', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise<string>(resolve => child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`)))
  const url = await readyUrl(name, child)
  const config = JSON.parse(readFileSync(join(keysDir, `${name}.json`), 'utf8'))
  return { url, pid: child.pid!, config, ended, stop: () => stop(child) }
}

function readyUrl(name: string, child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => {
      child.kill()
      reject(new Error(`sandbox ${name} was not ready within ${READY_MS_MAX} ms`))
    }, READY_MS_MAX)
    child.once('error', reject)
    child.once('exit', code => {
      clearTimeout(timer)
      reject(new Error(`sandbox ${name} ended with code ${code}`))
    })
    child.stdout!.on('data', (part: Buffer) => {
      text += part
      const end = text.indexOf('\n')
      if (end < 0) return
      clearTimeout(timer)
      child.stdout!.removeAllListeners('data')
      // Later output must not fill the pipe and block the child.
      child.stdout!.resume()
      resolve(JSON.parse(text.slice(0, end)).url)
    })
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  child.stdin!.end()
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  await ended
  clearTimeout(timer)
}
