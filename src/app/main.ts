import { type Config, ConfigError, publicUrl } from '#kernel/config.ts'
import type { Kernel } from '#kernel/context.ts'
import { lockData } from '#kernel/db/data-lock.ts'
import { listChannels } from '#modules/payments/index.ts'
import { createHttp } from './http.ts'
import { ensureDemoDebits } from './seed/debits.ts'
import { liveToday, type Today } from './seed/today.ts'
import { applySettings, readSettings } from './settings.ts'
import { ensureTown } from './town.ts'
import { freePort, keepSequencer, openKernel, startWork, TENANT, useSandbox } from './up.ts'

/** Enough for figures on every page of the console, within three minutes. */
const VISITS = 120
const STOP_MS_MAX = 20_000

type Stop = () => unknown

/** Why the address cannot be listened on, by what is to be changed. */
function noListening(error: unknown, { host, port }: Config): ConfigError | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new ConfigError(
        `PORT：端口 ${port} 已被别的程序占用，请停止那个程序，或换一个端口，例如 PORT=${port === 8081 ? 8082 : 8081} npm start。 / ` +
          `PORT: another program listens on port ${port}: stop it, or take another port, such as PORT=${port === 8081 ? 8082 : 8081} npm start.`,
      )
    case 'EACCES':
      return new ConfigError(
        `PORT：没有权限监听端口 ${port}，请用 1024 以上的端口。 / PORT: no permission to listen on port ${port}: take one above 1024.`,
      )
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new ConfigError(
        `HOST：${host} 不是这台机器的地址，请用 127.0.0.1 或 0.0.0.0。 / HOST: ${host} is no address of this machine: take 127.0.0.1 or 0.0.0.0.`,
      )
    default:
      return undefined
  }
}

/** Listens for a moment: a port that is taken is told before anything else is started. */
async function probe(config: Config): Promise<Config> {
  try {
    return { ...config, port: await freePort(config.host, config.port) }
  } catch (error) {
    throw noListening(error, config) ?? error
  }
}

/** Neighbours pay while the addresses are being read. Nothing rests on it: what goes wrong there is only written down. */
function beginToday(kernel: Kernel, wallets: Today['wallets'], signal: AbortSignal): Stop {
  const done = liveToday(kernel, TENANT, { wallets, visits: VISITS, signal }).then(
    figures => kernel.log.debug(figures, 'neighbours have paid'),
    (error: unknown) => kernel.log.warn({ err: error }, 'the first day of the town was broken off'),
  )
  return () => done
}

/** Starts the parts in order and notes in `parts` how each is stopped; ends early once `leaving` says so. */
async function start(given: Config, parts: Stop[], leaving: AbortSignal): Promise<void> {
  const say = (line: string) => {
    leaving.throwIfAborted()
    process.stdout.write(`${line}\n`)
  }
  const settings = readSettings(given.dataDir)
  parts.push(lockData(given.dataDir))
  const config = await probe(given)
  const opened = await openKernel(config, { isHolder: true })
  parts.push(opened.close)
  leaving.throwIfAborted()
  const { kernel } = opened
  const sequencer = keepSequencer(kernel, opened.connections)
  parts.push(sequencer.stop)
  const town = await ensureTown(kernel, TENANT, config.seed, say, settings)
  if (settings) await applySettings(kernel, TENANT, settings)
  leaving.throwIfAborted()
  const sandbox = config.sandbox ? await useSandbox(kernel) : undefined
  if (sandbox) parts.push(sandbox.stop)
  if (town.residentPhone) await ensureDemoDebits(kernel, TENANT)
  leaving.throwIfAborted()
  const work = startWork(kernel, TENANT)
  parts.push(() => work.stop())
  const server = await createHttp({ kernel, tenant: town.tenant })
  parts.push(() => server.close())
  try {
    await server.listen({ port: config.port, host: config.host })
  } catch (error) {
    throw noListening(error, config) ?? error
  }
  const url = publicUrl(config)
  say(`ready ${url}/`)
  if (town.exampleCode) say(`  a bill to pay        ${url}/b/${town.exampleCode}`)
  if (town.exampleCode && sandbox) say(`  printable QR bills   ${url}/demo/bills`)
  say(`  a payment kiosk      ${url}/kiosk, its code from ${url}/staff/devices as manager`)
  if (sandbox) {
    say(`  sandbox WeChat Pay   ${sandbox.urls.wechat}/wallet`)
    say(`  sandbox Alipay       ${sandbox.urls.alipay}/cashier`)
    say(`  sandbox messages     ${sandbox.urls.sms}/`)
  }
  if (town.residentPhone) say(`  a resident signs in  ${url}/sign-in with ${town.residentPhone}, code in the sandbox messages`)
  if (!config.sandbox && listChannels(TENANT).length === 0)
    say('  no way to pay is set up: settings.json in the data folder, see docs/operate.md')
  for (const line of town.notes) say(`  ${line}`)
  if (town.isNew && sandbox && config.seed === 'town') parts.push(beginToday(kernel, sandbox.urls, leaving))
}

/**
 * `yimen up`: everything in order, then serves until told to stop. Prints a line that begins `ready` with the address. A start
 * that fails or is broken off stops what it had started.
 */
export async function serve(config: Config): Promise<void> {
  const leave = new AbortController()
  const { signal } = leave
  const ended = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
  const stop = () => {
    if (signal.aborted) return
    leave.abort()
    setTimeout(() => process.exit(1), STOP_MS_MAX).unref()
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop)
  // Whoever started us through bin/yimen.mjs is gone.
  process.on('disconnect', stop)
  const parts: Stop[] = []
  try {
    await start(config, parts, signal)
    await ended
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    for (const end of parts.reverse()) await end()
  }
  process.exit(0)
}
