import { type Config, publicUrl } from '#kernel/config.ts'
import { lockData } from '#kernel/db/data-lock.ts'
import { listChannels } from '#modules/payments/index.ts'
import { createHttp } from './http.ts'
import { applySettings, readSettings } from './settings.ts'
import { ensureTown } from './town.ts'
import { freePort, keepSequencer, openKernel, startWork, TENANT, useSandbox } from './up.ts'

const STOP_MS_MAX = 20_000

/** `yimen up`: everything in order, then serves until told to stop. Prints a line that begins `ready` with the address. */
export async function serve(given: Config): Promise<void> {
  const config = given.port === 0 ? { ...given, port: await freePort(given.host) } : given
  const settings = readSettings(config.dataDir)
  const unlock = lockData(config.dataDir)
  const say = (line: string) => process.stdout.write(`${line}\n`)
  let isStopping = false
  const opened = await openKernel(config, { isHolder: true })
  const { kernel } = opened
  const sequencer = keepSequencer(kernel, opened.connections)
  const town = await ensureTown(kernel, TENANT, config.seed, say, settings)
  if (settings) await applySettings(kernel, TENANT, settings)
  const sandbox = config.sandbox ? await useSandbox(kernel) : undefined
  const work = startWork(kernel, TENANT)
  const server = await createHttp({ kernel, tenant: town.tenant })
  await server.listen({ port: config.port, host: config.host })
  const url = publicUrl(config)
  say(`ready ${url}/`)
  if (town.exampleCode) say(`  a bill to pay        ${url}/b/${town.exampleCode}`)
  if (town.exampleCode) say(`  printable QR bills   ${url}/demo/bills`)
  if (sandbox) say(`  sandbox wallet       ${sandbox.urls.wechat}/wallet\n  sandbox messages     ${sandbox.urls.sms}/`)
  if (!config.sandbox && listChannels(TENANT).length === 0)
    say('  no way to pay is set up: settings.json in the data folder, see docs/operate.md')
  for (const line of town.notes) say(`  ${line}`)

  const stop = async () => {
    if (isStopping) return
    isStopping = true
    setTimeout(() => process.exit(1), STOP_MS_MAX).unref()
    await server.close()
    await work.stop()
    await sandbox?.stop()
    await sequencer.stop()
    await opened.close()
    unlock()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop())
}
