import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createHttp } from '../src/app/http.ts'
import { openapiText } from '../src/app/openapi.ts'
import { readConfig } from '../src/kernel/config.ts'
import type { Kernel } from '../src/kernel/context.ts'
import { createVault } from '../src/kernel/crypto/vault.ts'
import { connect } from '../src/kernel/db/index.ts'
import { createLive } from '../src/kernel/live.ts'
import { silentLog } from '../src/kernel/log.ts'
import { createMetrics } from '../src/kernel/metrics.ts'
import { systemRandom } from '../src/kernel/random.ts'
import { systemClock } from '../src/kernel/time.ts'
import { root } from './root.ts'

/** The OpenAPI document of the server as it is put together for production; no database is asked. */
export async function openapi(): Promise<string> {
  const db = connect('postgres://nobody@127.0.0.1:1/none', { max: 1 })
  const kernel: Kernel = {
    db,
    clock: systemClock,
    random: systemRandom(),
    config: readConfig({}),
    log: silentLog(),
    metrics: createMetrics(false),
    live: createLive(1),
    vault: createVault([Buffer.alloc(32)]),
  }
  const server = await createHttp({
    kernel,
    tenant: { id: 1, name: { 'zh-CN': '', en: '' }, phone: '', address: '' },
  })
  try {
    await server.ready()
    return openapiText(server)
  } finally {
    await server.close()
    await db.close()
  }
}

if (import.meta.main) {
  const file = join(root, 'docs/reference/openapi.json')
  const text = await openapi()
  const paths = Object.keys((JSON.parse(text) as { paths?: object }).paths ?? {}).length
  if (process.argv.includes('--write')) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    process.stdout.write(`${paths} paths written\n`)
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    process.stdout.write('docs/reference/openapi.json is not what the code says: node bin/yimen.mjs dev snapshots\n')
    process.exitCode = 1
  } else process.stdout.write(`${paths} paths, up to date\n`)
}
