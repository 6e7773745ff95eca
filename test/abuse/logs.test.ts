import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { queryIn } from '#kernel/db/testing.ts'
import { createLog } from '#kernel/log.ts'
import { registerPerson } from '#modules/identity/index.ts'
import { hiddenFields } from '../support/form.ts'
import { withProduct } from '../support/product.ts'
import { pay, payInWallet, signInAs, until, visitor, withMessages } from './support.ts'

const PHONE = '13987654321'
const NAME = '欧阳测试'
const ID_NUMBER = '11010519491231002X'
const ACCOUNT = '1045333141'

/** Does `work` while a table refuses every row: what the database says then quotes the row. */
async function whileRefusing(owner: string, table: string, work: () => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: owner })
  await client.connect()
  try {
    await client.query(`alter table ${table} add constraint nothing_fits check (false) not valid`)
    await work()
    await client.query(`alter table ${table} drop constraint nothing_fits`)
  } finally {
    await client.end()
  }
}

test('a whole journey, with faults on the way, leaves nothing personal and no forged line in the log', { timeout: 90_000 }, () => {
  const lines: string[] = []
  const log = createLog('trace', { write: line => lines.push(line) })
  return withProduct(
    product =>
      withMessages(product, async inbox => {
        const secrets: string[] = [PHONE, NAME, ID_NUMBER, ACCOUNT]
        const { browser, csrf } = await visitor(product.url)
        assert.ok((await registerPerson(product.ctx, { name: NAME, phone: PHONE, idNumber: ID_NUMBER })).ok)

        // Signing in, first while the database refuses: the failure quotes what it refused.
        await whileRefusing(product.kernel.owner, 'identity.sms_challenge', async () => {
          assert.equal((await browser.post('/sign-in', { csrf, phone: PHONE })).status, 500)
        })
        const asked = await browser.post('/sign-in', { csrf, phone: PHONE, next: '/mine' })
        const fields = hiddenFields(asked.text, '/sign-in/code')
        const code = (await inbox.codes(PHONE)).at(-1)!
        secrets.push(fields.challenge!)
        assert.equal((await browser.post('/sign-in/code', { ...fields, code })).status, 303)

        // Looking a number up, binding it under a name, paying, undoing; then what no one should type.
        await browser.post('/pay/account', { csrf, biller: 'water', account: ACCOUNT })
        await whileRefusing(product.kernel.owner, 'billing.binding', async () => {
          const bill = await product.issueBill()
          await queryIn(
            product.kernel,
            'update billing.account set account_no = $2 where id = (select account_id from billing.bill where code = $1)',
            [bill, ACCOUNT],
          )
          const bound = await browser.post('/mine/households', {
            csrf,
            biller: 'water',
            account: ACCOUNT,
            relation: 'owner',
            nickname: NAME,
          })
          assert.equal(bound.status, 500)
          secrets.push(bill)
        })
        const paid = await pay(product)
        if (paid.done.status !== 200) console.error(lines.filter(l => l.includes('rror')).slice(-3))
        secrets.push(paid.bill, paid.order.slice(3))
        await paid.browser.submit(paid.done, `${paid.order}/undo`)
        const next = await product.issueBill()
        const opened = await browser.submit(await browser.get(`/b/${next}`), `/b/${next}/pay`, { way: 'wechat' })
        await payInWallet(opened.location!)
        await product.sandbox.biller.stop()
        const forged = `x\r\n{"level":"fatal","msg":"forged ${PHONE}"}\n`
        for (const path of [
          `/b/${encodeURIComponent(forged)}`,
          `/verify?c=${encodeURIComponent(forged)}`,
          `/${encodeURIComponent(forged)}`,
        ])
          await browser.get(path)
        await browser.post('/sign-in', { csrf, phone: forged })

        const desk = await signInAs(product, 'clerk')
        secrets.push(desk.password)
        for (const q of [PHONE, ACCOUNT, NAME, forged]) await desk.browser.get(`/staff/search?q=${encodeURIComponent(q)}`)
        await whileRefusing(product.kernel.owner, 'identity.session', async () => {
          const again = await visitor(product.url)
          const answer = await again.browser.post('/staff/sign-in', { csrf: again.csrf, username: desk.username, password: desk.password })
          assert.equal(answer.status, 500)
        })
        log.error({ err: new Error(`last: ${PHONE}`) }, 'end of the journey')
        await until('the log', async () => lines.some(line => line.includes('end of the journey')))

        const { rows } = await product.kernel.db.pool.query('select out_trade_no from payments.attempt')
        assert.equal(rows.length, 2)
        assert.ok(lines.filter(line => line.includes('request failed')).length >= 3, 'the faults were not logged')
        for (const line of lines) {
          const said = JSON.parse(line)
          assert.notEqual(said.level, 'fatal')
          assert.doesNotMatch(line.trimEnd(), /[\n\r\u001b]/)
          for (const secret of secrets) assert.ok(!line.includes(secret), `${secret} in ${line}`)
          assert.doesNotMatch(line, /(?<![0-9a-z])[0-9a-hjkmnp-tv-z]{52}(?![0-9a-z])/, 'a token')
        }
      }),
    { log },
  )
})
