import { startBench } from '../bench/harness.ts'
import { simulateMonth } from '../test/sim/month.ts'

/**
 * A month of the demonstration town from one seed, day by day with faults of channel, billers, statements and people. It ends with
 * nothing unexplained, a trial balance of zero, and the checks of the doctor passed; the report of it is the product's own.
 */
const DAYS = 30
const ACTS = Number(process.env.ACTS ?? 80)
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 1_000_000))

const { kernel, stop } = await startBench()
const say = (line: string): void => void process.stderr.write(`${line}\n`)
let code = 1
try {
  say(`SEED=${SEED} replays this month`)
  const { month, ...figures } = await simulateMonth(kernel, 1, { seed: SEED, days: DAYS, acts: ACTS, size: 'town', onDay: say })
  const closed = month.days.filter(day => day.state === 'closed').length
  const isWell = figures.unexplained === 0 && figures.trial_balance_fen === 0 && closed >= DAYS
  process.stdout.write(`${JSON.stringify({ name: 'month', seed: SEED, days: DAYS, closed, ...figures, doctor: 'clean' })}\n`)
  code = isWell ? 0 : 1
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
} finally {
  await stop()
}
process.exit(code)
