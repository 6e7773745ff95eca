import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withTestDb } from '#kernel/db/testing.ts'
import { simulate } from './world.ts'

const FIRST = Number(process.env.YIMEN_SIM_SEED ?? 1)
const SEEDS = process.env.YIMEN_SIM_SEED ? 1 : process.env.YIMEN_FULL ? 1_000 : 50

test(`${SEEDS} simulated towns come to rest with books equal to the channel's and the biller's`, { timeout: 40 * 60_000 }, () =>
  withTestDb(async kernel => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      await assert.doesNotReject(simulate(kernel, seed), `YIMEN_SIM_SEED=${seed} replays this run`)
    }
  }),
)
