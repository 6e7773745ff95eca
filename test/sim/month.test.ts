import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withTestDb } from '#kernel/db/testing.ts'
import { simulateMonth } from './month.ts'

const DAYS = Number(process.env.YIMEN_SIM_DAYS ?? 5)
const SEED = Number(process.env.YIMEN_SIM_SEED ?? 1)

test(
  `${DAYS} days of the demonstration town, with faults of channel, billers and statements, close with nothing unexplained`,
  { timeout: 10 * 60_000 },
  () =>
    withTestDb(async kernel => {
      const outcome = await simulateMonth(kernel, 1, {
        seed: SEED,
        days: DAYS,
        acts: 12,
        size: 'small',
        ...(process.env.YIMEN_SIM_SAY && { onDay: console.log }),
      })
      assert.equal(outcome.unexplained, 0)
      assert.equal(outcome.trial_balance_fen, 0)
      assert.ok(outcome.payments > 0 && outcome.cash > 0 && outcome.settlements >= DAYS && outcome.checkFiles >= DAYS)
    }),
)
