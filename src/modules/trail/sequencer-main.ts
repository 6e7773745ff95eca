import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { connect } from '#kernel/db/index.ts'
import { createLog } from '#kernel/log.ts'
import { systemClock } from '#kernel/time.ts'
import { loadSm2Signer, loadTrailSigner } from './keys.ts'
import { BATCH_EVENTS, createSequencer } from './sequencer.ts'

// The sequencer as a process of its own: the only one that may read the signing key and write the sealed tables.

const POLL_MS = 200
const AFTER_ERROR_MS = 1_000

function need(name: string): string {
  const value = process.env[name]
  if (value) return value
  process.stderr.write(`${name} is not set\n`)
  process.exit(2)
}

// Standard output is for the word that it is ready; whoever started it passes on only the other.
const log = createLog(process.env.YIMEN_LOG ?? 'info', process.stderr)
const signer = loadTrailSigner(need('YIMEN_TRAIL_KEY'), need('YIMEN_TRAIL_ORIGIN'))
const sm2Key = process.env.YIMEN_TRAIL_SM2_KEY
const cosigner = sm2Key ? loadSm2Signer(sm2Key, signer.name) : undefined
const onError = (error: Error) => log.warn({ err: error }, 'idle database connection lost')
const db = connect(need('DATABASE_URL_SEQUENCER'), { max: 5, name: 'yimen sequencer', onError })
const sequencer = createSequencer({
  db,
  signer,
  ...(cosigner && { cosigner }),
  clock: systemClock,
  log,
  holder: `${hostname()}:${process.pid}:${randomUUID()}`,
})

let isStopping = false
let wake = () => {}
const stop = () => {
  isStopping = true
  wake()
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
if (process.env.YIMEN_PARENT === '1') process.stdin.on('end', stop).on('error', stop).resume()

const pause = (ms: number) =>
  new Promise<void>(resolve => {
    const timer = setTimeout(resolve, ms)
    wake = () => {
      clearTimeout(timer)
      resolve()
    }
  })

process.stdout.write('{"ready":"sequencer"}\n')
while (!isStopping) {
  let waitMs = POLL_MS
  try {
    if ((await sequencer.drain()) >= BATCH_EVENTS) waitMs = 0
  } catch (error) {
    log.error({ err: error }, 'trail not sealed; trying again')
    waitMs = AFTER_ERROR_MS
  }
  if (waitMs > 0 && !isStopping) await pause(waitMs)
}
await sequencer.close().catch(error => log.warn({ err: error }, 'lease not given back; it runs out by itself'))
await db.close()
process.exit(0)
