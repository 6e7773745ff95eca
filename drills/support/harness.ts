import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/app/up.ts'
import { plainBrowser } from '../../test/support/form.ts'
import { audit, type Verdict, withDatabase } from './audit.ts'
import type { Payers } from './payers.ts'
import { type ProductProcess, pause, productProcess, within } from './product-process.ts'

export const say = (line: string): void => void process.stderr.write(`${line}\n`)
const QUIET_MS_MAX = 240_000

/** True when the product answers that it and its database are there. */
export async function isReady(url: string): Promise<true | undefined> {
  try {
    const answer = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2_000) })
    await answer.arrayBuffer()
    return answer.ok || undefined
  } catch {
    return undefined
  }
}

/** Looks until the janitor has learnt of every payment of the channel, or the time is over; answers the last look. */
export async function settle(dataDir: string, payers: Payers): Promise<Verdict> {
  const end = Date.now() + QUIET_MS_MAX
  return withDatabase(dataDir, async db => {
    for (;;) {
      const verdict = await audit(db, dataDir, payers.promises)
      const isQuiet = verdict.unknown.length + verdict.lost.length + verdict.doubled.length === 0
      if (isQuiet || Date.now() > end) return verdict
      await pause(2_000)
    }
  })
}

/** Compares every promise with the books, asks the doctor, prints the result as one line; false when something is wrong. */
export async function conclude(
  name: string,
  product: ProductProcess,
  dataDir: string,
  payers: Payers,
  figures: Readonly<Record<string, number>>,
): Promise<boolean> {
  say('the load has stopped; visits that failed and were tried again:')
  for (const [reason, count] of [...payers.failures].sort((a, b) => b[1] - a[1]).slice(0, 8)) say(`${String(count).padStart(6)} ${reason}`)
  const verdict = await settle(dataDir, payers)
  for (const kind of ['lost', 'doubled', 'unknown'] as const) for (const line of verdict[kind].slice(0, 20)) say(`${kind}: ${line}`)
  const doctor = await product.command('doctor', '--json')
  const isClean = doctor.code === 0 && (JSON.parse(doctor.stdout) as { clean: boolean }).clean
  if (!isClean) say(`doctor: ${doctor.stdout}${doctor.stderr}`)
  const result = {
    name,
    ...figures,
    acknowledged: verdict.acknowledged,
    lost: verdict.lost.length,
    doubled: verdict.doubled.length,
    unknown: verdict.unknown.length,
    doctor: isClean ? 'clean' : 'broken',
  }
  process.stdout.write(`${JSON.stringify(result)}\n`)
  return verdict.acknowledged > 0 && result.lost + result.doubled + result.unknown === 0 && isClean
}

export interface DrillOptions {
  readonly run_ms_max: number
  /** Before the product starts; what it answers is undone at the end. Its environment is added to the product's. */
  readonly prepare?: (dataDir: string) => Promise<{ env?: Readonly<Record<string, string>>; undo?: () => Promise<void> | void }>
}

/** One drill on a data folder of its own: exit code 0 when `work` answers true. Everything started is ended. */
export async function runDrill(
  work: (dataDir: string, product: ProductProcess) => Promise<boolean>,
  options: DrillOptions,
): Promise<never> {
  const dataDir = mkdtempSync(join(tmpdir(), 'yimen-drill-'))
  // The database server may run as another user, who must be able to walk in.
  chmodSync(dataDir, 0o755)
  const interrupted = new Promise<never>((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(`ended by ${signal}`)))
  })
  let product: ProductProcess | undefined
  let undo: (() => Promise<void> | void) | undefined
  let code = 1
  try {
    const prepared = await options.prepare?.(dataDir)
    undo = prepared?.undo
    product = productProcess(dataDir, await freePort('127.0.0.1'), prepared?.env)
    code = (await within(options.run_ms_max, 'the drill', Promise.race([work(dataDir, product), interrupted]))) ? 0 : 1
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    if (product) say(product.output())
  } finally {
    await product?.stop()
    await undo?.()
    rmSync(dataDir, { recursive: true, force: true })
  }
  process.exit(code)
}

export interface Seen {
  readonly status: number
  readonly text: string
  readonly location: string | undefined
  readonly ms: number
  readonly retryAfter: string | null
  readonly type: string
}

let people = 0

/** A person with a browser at an address of their own: what a visit answered and how long it took. Never throws: no answer is status 0. */
export function watcher(base: string, lang: 'zh-CN' | 'en' = 'zh-CN') {
  const browser = plainBrowser(base, undefined, {
    'accept-language': lang,
    accept: 'text/html',
    'x-forwarded-for': `10.200.${(people >> 8) & 255}.${people++ & 255}`,
  })
  const timed = async (visit: () => ReturnType<typeof browser.get>): Promise<Seen> => {
    const began = performance.now()
    try {
      const page = await within(10_000, 'a visit', visit())
      const { status, text, location, headers } = page
      return {
        status,
        text,
        location,
        ms: Math.round(performance.now() - began),
        retryAfter: headers?.get('retry-after') ?? null,
        type: headers?.get('content-type') ?? '',
      }
    } catch (error) {
      const ms = Math.round(performance.now() - began)
      return { status: 0, text: String(error), location: undefined, ms, retryAfter: null, type: '' }
    }
  }
  return {
    get: (path: string) => timed(() => browser.get(path)),
    post: (path: string, fields: Record<string, string>, headers?: Record<string, string>) =>
      timed(() => browser.post(path, fields, headers)),
  }
}

/** Writes what was asked of the product and whether it held; the drill fails with the first that did not. */
export function expect(what: string, isSo: boolean, seen: unknown = ''): void {
  say(
    `${isSo ? 'ok  ' : 'FAIL'} ${what}${isSo ? '' : `: ${typeof seen === 'string' ? seen.slice(0, 600) : JSON.stringify(seen).slice(0, 600)}`}`,
  )
  if (!isSo) throw new Error(what)
}
