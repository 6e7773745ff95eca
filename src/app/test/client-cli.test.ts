import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { systemCtx } from '#kernel/context.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { signPush, verifyPush } from '#modules/billing/index.ts'
import { runClients } from '../client-cli.ts'
import { seedTown } from '../seed/index.ts'

test('an operator hands out, renews, lists and ends the credentials of a biller', { timeout: 120_000 }, () =>
  withTestDb(async kernel => {
    await seedTown(kernel, 1, { size: 'small', seed: 'clients' })
    const run = async (...argv: string[]) => {
      const printed: string[] = []
      const complained: string[] = []
      const code = await runClients(kernel, 1, argv, {
        env: { BILLER_SECRET: 'a secret the biller gave us' },
        print: text => printed.push(text),
        complain: text => complained.push(text),
      })
      return { code, printed: printed.join(''), complained: complained.join('') }
    }
    const secretOf = (printed: string) => /^secret ([0-9a-z]{52})$/m.exec(printed)?.[1] ?? ''
    const may = async (secret: string) => {
      const timestamp = String(Math.floor(kernel.clock.now().getTime() / 1000))
      const nonce = randomBytes(12).toString('hex')
      const signature = signPush(secret, 'POST', '/push/telecom/bills', timestamp, nonce, '{}')
      const headers = { clientId: 'telecom-1', timestamp, nonce, signature }
      return (await verifyPush(systemCtx(kernel, 1, 'test'), 'telecom', 'POST', '/push/telecom/bills', headers, Buffer.from('{}'))).ok
    }
    const first = await run('add', 'telecom', 'telecom-1', '--hourly', '10')
    assert.equal(first.code, 0, first.complained)
    const old = secretOf(first.printed)
    assert.equal(await may(old), true)
    const renewed = secretOf((await run('add', 'telecom', 'telecom-1')).printed)
    assert.equal(await may(old), false)
    assert.equal(await may(renewed), true)
    assert.equal((await run('connect', 'power', 'grid-1', '--url', 'https://biller.example/api')).code, 0)
    const listed = (await run('list')).printed
    assert.match(listed, /telecom {2}pushes {2}telecom-1 {2}in force/)
    assert.match(listed, /power {2}at https:\/\/biller\.example\/api {2}grid-1 {2}in force/)
    assert.equal(listed.includes(renewed), false)
    assert.equal((await run('revoke', 'telecom', 'telecom-1')).code, 0)
    assert.equal(await may(renewed), false)
    assert.match((await run('list')).printed, /telecom-1 {2}revoked/)
    assert.equal((await run('revoke', 'telecom', 'telecom-1')).code, 1)
    assert.equal((await run('add', 'nobody', 'x')).code, 1)
    for (const wrong of [
      [],
      ['add'],
      ['add', 'telecom'],
      ['add', 'telecom', 'x', '--hourly', '0'],
      ['connect', 'power', 'x'],
      ['add', 'a', 'b', 'c'],
    ]) {
      const { code, complained } = await run(...wrong)
      assert.equal(code, 2, wrong.join(' '))
      assert.match(complained, /usage: yimen biller-client/)
    }
  }),
)
