import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { testCtx } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { createStaff, permissionsOf, roles, signInStaff } from '#modules/identity/index.ts'
import { hiddenFields, type Plain, plainBrowser } from '../support/form.ts'
import { type Product, withProduct } from '../support/product.ts'
import { type Desk, fromAddress, type Inspector, signInAs, until, visitor, withInspector, withMessages } from './support.ts'

const COOKIE = 'yimen_staff'

/** Everything about accounts an abuse could change; when a sign-in was last used is no change. */
const ACCOUNTS = `
  select jsonb_build_object(
    'staff', (select jsonb_agg(jsonb_build_array(id, role, area_code, password_hash, disabled_at) order by id) from identity.staff),
    'changes', (select jsonb_agg(to_jsonb(c) order by id) from identity.staff_change c),
    'enrolments', (select count(*) from identity.enrolment),
    'sessions', (select jsonb_agg(jsonb_build_array(digest, revoked_at) order by digest) from identity.session))::text as n`

const accountsOf = async (see: Inspector): Promise<string> => JSON.stringify(await see.rows(ACCOUNTS))

const asHolder = async (url: string, token: string, path = '/staff/search?q=1') => {
  const browser = plainBrowser(url)
  browser.cookies.set(COOKIE, token)
  return browser.get(path)
}
const isLetIn = async (url: string, token: string): Promise<boolean> => (await asHolder(url, token)).status === 200

test('tokens that were made up, changed, of elsewhere, half signed in or over open nothing', { timeout: 90_000 }, () =>
  withProduct(product =>
    withMessages(product, inbox =>
      withInspector(product, async see => {
        const { kernel } = product
        const desk = await signInAs(product, 'clerk')
        const good = desk.browser.cookies.get(COOKIE)!
        const half = await signInStaff(testCtx(kernel, { kind: 'anonymous' }), desk)
        assert.ok(half.ok)
        const ctx2 = testCtx(kernel, { permissions: new Set(['identity.staff.manage']) }, 2)
        const made2 = await createStaff(ctx2, { username: 'elsewhere', name: '外街道', role: 'clerk' })
        assert.ok(made2.ok)
        const elsewhere = await signInStaff(ctx2, { username: 'elsewhere', password: made2.value.password! })
        assert.ok(elsewhere.ok)
        await see.rows(`update identity.session set second_factor_at = now() where tenant_id = 2 returning 1`)
        const over = (await signInAs(product, 'clerk')).browser.cookies.get(COOKIE)!
        await see.rows(
          `update identity.session set expires_at = now() - interval '1 second' where digest = '\\x${kernel.vault.digest('identity.session', over).toString('hex')}' returning 1`,
        )
        const { browser, csrf } = await visitor(product.url)
        const asked = await browser.post('/sign-in', { csrf, phone: '13900000001' })
        const code = (await inbox.codes('13900000001')).at(-1)!
        await browser.post('/sign-in/code', { ...hiddenFields(asked.text, '/sign-in/code'), code })
        const resident = browser.cookies.get('yimen_session')!
        assert.match(resident, /^[0-9a-z]{52}$/)

        const tokens: Record<string, string> = {
          nothing: '',
          'made up': newCode(kernel.random, 256),
          'one letter changed': good.slice(0, -1) + (good.endsWith('0') ? '1' : '0'),
          'one letter more': `${good}0`,
          'in capitals': good.toUpperCase(),
          'its digest': kernel.vault.digest('identity.session', good).toString('hex'),
          'of another sub-district': elsewhere.value.token,
          'of a resident': resident,
          'password only': half.value.token,
          over: over,
          'ten thousand letters': 'a'.repeat(4_000),
          'a statement': "' or 1=1 --",
          twice: `${good}; ${COOKIE}=x`.slice(0, 10),
        }
        const before = await accountsOf(see)
        for (const [name, token] of Object.entries(tokens)) {
          const page = await asHolder(product.url, encodeURIComponent(token))
          assert.equal(page.status, 303, name)
          assert.match(page.location!, /^\/staff\/(sign-in|second-factor)\?next=/, name)
          const refusals = await see.refusals()
          for (const [header, value] of [
            ['authorization', `Bearer ${token}`],
            ['cookie', `${COOKIE}=${encodeURIComponent(token)}`],
          ] as const) {
            const answer = await fetch(`${product.url}/api/v1/people?phone=13900000001`, { headers: { [header]: value } })
            assert.equal(answer.status, 401, name)
          }
          await until(`two refusals of ${name}`, async () => (await see.refusals()) === refusals + 2)
        }
        assert.equal(await accountsOf(see), before)
        assert.ok(await isLetIn(product.url, good), 'the honest one still opens')
        // And the other way round: a token of staff is no resident.
        const crossed = plainBrowser(product.url)
        crossed.cookies.set('yimen_session', good)
        assert.doesNotMatch((await crossed.get('/mine')).text, /action="\/sign-out"/)
      }),
    ),
  ),
)

test(
  'a token planted before the sign-in is worth nothing after it, each step gives a new one, and signing out ends the copy',
  { timeout: 60_000 },
  () =>
    withProduct(async product => {
      const first = await signInAs(product, 'clerk')
      const planted = first.browser.cookies.get(COOKIE)!
      const desk = await signInAs(product, 'clerk')

      // The victim's browser carries what a thief put there: a random token, then the thief's own.
      for (const token of [newCode(product.kernel.random, 256), planted]) {
        const victim = await visitor(product.url)
        victim.browser.cookies.set(COOKIE, token)
        const { csrf } = victim
        await victim.browser.post('/staff/sign-in', { csrf, username: desk.username, password: desk.password }, fromAddress(1))
        const half = victim.browser.cookies.get(COOKIE)!
        assert.notEqual(half, token)
        assert.equal(await isLetIn(product.url, half), false)
        assert.equal((await asHolder(product.url, half, '/staff/me')).status, 303)
        const confirmed = await victim.browser.post(
          '/staff/second-factor',
          { csrf, code: desk.code(token === planted ? 1 : 0) },
          fromAddress(1),
        )
        assert.equal(confirmed.status, 303)
        const whole = victim.browser.cookies.get(COOKIE)!
        assert.ok(whole !== half && whole !== token)
        assert.equal(await isLetIn(product.url, half), false, 'the token of the first step is void')
        assert.equal(await isLetIn(product.url, whole), true)
        if (token === planted)
          assert.match((await asHolder(product.url, planted, '/staff/me')).text, new RegExp(`${first.username.split('-')[0]}|测试`))

        // Stolen, then signed out at the desk: the copy is worth nothing.
        await victim.browser.post('/staff/sign-out', { csrf })
        assert.equal(await isLetIn(product.url, whole), false)
      }
    }),
)

async function withSecondNode<T>(product: Product, work: (url: string) => Promise<T>): Promise<T> {
  const child = fork(new URL('./second-process.ts', import.meta.url), ['serve', product.kernel.connections.app], {
    execArgv: ['--import', './tools/tsx.mjs'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  try {
    const [{ url }] = (await once(child, 'message', { signal: AbortSignal.timeout(20_000) })) as [{ url: string }]
    return await work(url)
  } finally {
    child.kill('SIGKILL')
  }
}

const WAIT_MS_MAX = 5_000

/** Proposes as the first and approves as the second, over the pages; answers the page of the approval. */
async function changeByTwo(proposer: Desk, approver: Desk, staffId: string, kind: 'role' | 'reset', role = 'operator-system') {
  const fields: Record<string, string> = kind === 'role' ? { role, why: '轮岗' } : { 'why-reset': '手机丢失' }
  const proposed = await proposer.browser.post(`/staff/accounts/${staffId}/${kind}`, { csrf: proposer.csrf, ...fields })
  assert.equal(proposed.location, '/staff/accounts?notice=proposed')
  const list = await approver.browser.get('/staff/accounts')
  const action = /action="(\/staff\/changes\/[^"]+\/approve)"/.exec(list.text)![1]!
  // The list offers approving to the second person only.
  assert.doesNotMatch((await proposer.browser.get('/staff/accounts')).text, /\/approve"/)
  assert.equal((await proposer.browser.post(action, { csrf: proposer.csrf })).status, 403)
  return approver.browser.post(action, { csrf: approver.csrf })
}

test('a role, a reset, a new password and "end all others" hold on every node within five seconds', { timeout: 90_000 }, () =>
  withProduct(product =>
    withSecondNode(product, async other => {
      const [anna, head, clerk] = [
        await signInAs(product, 'operator-security'),
        await signInAs(product, 'manager'),
        await signInAs(product, 'approver'),
      ]
      const token = clerk.browser.cookies.get(COOKIE)!
      const urls = [product.url, other]
      const may = async (url: string) =>
        (await fetch(`${url}/api/v1/people?phone=13900000001`, { headers: { authorization: `Bearer ${token}` } })).status
      for (const url of urls) assert.equal(await may(url), 404, 'may look, nobody is found')
      const soon = async (what: string, isSo: (url: string) => Promise<boolean>) => {
        const began = performance.now()
        for (const url of urls) await until(what, () => isSo(url))
        assert.ok(performance.now() - began < WAIT_MS_MAX, what)
      }
      assert.equal((await changeByTwo(anna, head, clerk.id, 'role')).location, '/staff/accounts?notice=approved')
      await soon('the role', async url => (await may(url)) === 403)

      // A copy of the token somewhere else ends with a new password, the desk it was changed at goes on.
      const thief = await signAgain(product, clerk)
      const { csrf, password } = clerk
      const changed = await clerk.browser.post('/staff/me/password', {
        csrf,
        password,
        newPassword: 'a new long password',
        code: clerk.code(1),
      })
      assert.equal(changed.location, '/staff/me?notice=password')
      await soon('the end of the copy', async url => !(await isOn(url, thief)))
      assert.ok(await isOn(other, token))

      const again = await signInAs(product, 'clerk')
      const copy = await signAgain(product, again)
      assert.equal((await again.browser.post('/staff/me/sessions/end-others', { csrf: again.csrf })).location, '/staff/me?notice=ended')
      await soon('the end of the others', async url => !(await isOn(url, copy)))
      assert.ok(await isOn(other, again.browser.cookies.get(COOKIE)!))

      const code = /<code class="code">([0-9a-z-]{19})<\/code>/.exec((await changeByTwo(anna, head, clerk.id, 'reset')).text)?.[1]
      assert.ok(code)
      await soon('the end by reset', async url => !(await isOn(url, token)))
      await enrol(product.url, clerk.username, code)
    }),
  ),
)

const isOn = async (url: string, token: string): Promise<boolean> => (await asHolder(url, token, '/staff/me')).status === 200

async function signAgain(product: Product, desk: Desk): Promise<string> {
  const { browser, csrf } = await visitor(product.url)
  await browser.post('/staff/sign-in', { csrf, username: desk.username, password: desk.password })
  await browser.post('/staff/second-factor', { csrf, code: desk.code(0) })
  const token = browser.cookies.get(COOKIE)!
  assert.ok(await isOn(product.url, token))
  return token
}

/** Through both pages with the code, to the sign-in that says it is done; the code works once. */
async function enrol(url: string, username: string, code: string): Promise<void> {
  const { browser, csrf } = await visitor(url)
  assert.equal((await browser.post('/staff/enrol', { csrf, username, code: 'aaaa-bbbb-cccc-dddd' })).status, 422)
  const page = await browser.post('/staff/enrol', { csrf, username, code })
  const secret = /<code class="code">([A-Z2-7 ]+)<\/code>/.exec(page.text)![1]!.replaceAll(' ', '')
  const { totpCode } = await import('../support/totp.ts')
  const fields = { csrf, username, code, newPassword: 'yet another password', totp: totpCode(secret, new Date()) }
  assert.equal((await browser.post('/staff/enrol/finish', { ...fields, newPassword: 'short' })).status, 422)
  assert.equal((await browser.post('/staff/enrol/finish', fields)).location, '/staff/sign-in?notice=enrolled')
  assert.equal((await browser.post('/staff/enrol/finish', fields)).status, 422)
  await browser.post('/staff/sign-in', { csrf, username, password: 'yet another password' }, fromAddress(3))
  const entered = await browser.post(
    '/staff/second-factor',
    { csrf, code: totpCode(secret, new Date(Date.now() + 30_000)) },
    fromAddress(3),
  )
  assert.equal(entered.status, 303)
  assert.equal((await browser.get('/staff/me')).status, 200)
}

test('no role does at the desk what it does not hold, whatever it sends, and nobody raises themselves', { timeout: 90_000 }, () =>
  withProduct(product =>
    withInspector(product, async see => {
      const target = await signInAs(product, 'clerk')
      const desks = new Map<string, Desk>()
      for (const role of roles) desks.set(role, await signInAs(product, role))
      const some = target.id
      const raised = {
        role: 'manager',
        why: 'x',
        'why-reset': 'x',
        permissions: 'identity.staff.manage',
        tenant_id: '2',
        decided_by: some,
        outcome: 'approved',
      }
      // Method, path, the rights of which any one opens it, fields.
      const acts: [string, string, string | readonly string[], Record<string, string>][] = [
        ['GET', '/staff/accounts', 'identity.staff.read', {}],
        ['GET', `/staff/accounts/${some}`, 'identity.staff.read', {}],
        ['POST', `/staff/accounts/${some}/role`, 'identity.staff.manage', raised],
        ['POST', `/staff/accounts/${some}/reset`, 'identity.staff.manage', raised],
        ['POST', `/staff/changes/${some}/approve`, 'identity.staff.approve', raised],
        ['POST', `/staff/orders/${some}/rescue`, 'billing.rescue.answer', {}],
        ['POST', `/staff/orders/${some}/return`, 'payments.refund.request', {}],
        ['GET', '/staff/search?q=W26', ['billing.bill.read', 'payments.order.read'], {}],
        ['GET', `/staff/bills/${some}`, 'billing.bill.read', {}],
        ['GET', `/staff/orders/${some}`, 'payments.order.read', {}],
      ]
      const send = (browser: Plain, method: string, path: string, fields: Record<string, string>) =>
        method === 'GET' ? browser.get(path) : browser.post(path, fields)
      let refused = 0
      for (const [role, desk] of desks) {
        for (const [method, path, permission, fields] of acts) {
          const held = permissionsOf(role as (typeof roles)[number])
          if ([permission].flat().some(one => held.has(one))) continue
          const [before, refusals] = [await accountsOf(see), await see.refusals()]
          const answer = await send(desk.browser, method, path, { ...fields, csrf: desk.csrf })
          assert.equal(answer.status, 403, `${role} ${method} ${path}`)
          assert.equal(await accountsOf(see), before, `${role} ${method} ${path}`)
          await until(`a refusal of ${role} ${method} ${path}`, async () => (await see.refusals()) === refusals + 1)
          refused++
        }
        // For oneself: no page offers it and no form does it.
        const refusals = await see.refusals()
        const own = await desk.browser.post(`/staff/accounts/${desk.id}/role`, { ...raised, csrf: desk.csrf })
        assert.equal(own.status, 403, role)
        await until(`a refusal of ${role} for itself`, async () => (await see.refusals()) === refusals + 1)
      }
      assert.ok(refused > 25, String(refused))
      // Fields of a password form that belong to somebody else's account are not read.
      const clerk = desks.get('clerk')!
      const state = await accountsOf(see)
      const sneaky = await clerk.browser.post('/staff/me/password', {
        csrf: clerk.csrf,
        id: some,
        staffId: some,
        username: target.username,
        password: target.password,
        newPassword: 'a password for another',
        code: target.code(1),
      })
      assert.equal(sneaky.status, 422)
      assert.equal(await accountsOf(see), state)
    }),
  ),
)
