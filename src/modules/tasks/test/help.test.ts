import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ctx, Kernel } from '#kernel/context.ts'
import { queryIn, testCtx, withTestDb } from '#kernel/db/testing.ts'
import type { Result } from '#kernel/result.ts'
import { manualClock } from '#kernel/time.ts'
import { createStaff, permissionsOf } from '#modules/identity/index.ts'
import { callForHelp, endHelp, findHelp, listHelpCalls, runLadder, takeHelp } from '../index.ts'

const DEVICE = '00000000-0000-7000-8000-0000000000d1'
const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.error.code)
const given = <T>(result: Result<T>): T => (result.ok ? result.value : assert.fail(result.error.code))
const kiosk = (kernel: Kernel, area?: string): Ctx => testCtx(kernel, { kind: 'device', id: DEVICE, ...(area && { area }) })

let clerks = 0
async function clerk(kernel: Kernel, name: string, area?: string): Promise<Ctx> {
  const system = testCtx(kernel, { kind: 'system', id: 'test' })
  const { id } = given(await createStaff(system, { username: `clerk-${++clerks}`, name, role: 'clerk' }))
  return testCtx(kernel, { id, permissions: permissionsOf('clerk'), ...(area && { area }) })
}

test('a call for help is one however often it is pressed, is taken by one, and shows who comes by a masked name', () =>
  withTestDb(async kernel => {
    const at = kiosk(kernel)
    assert.equal(await findHelp(at), undefined)
    await Promise.all([1, 2, 3].map(async () => given(await callForHelp(at, { title: '1号机 · 大厅' }))))
    assert.deepEqual(await findHelp(at), {})
    const [zhang, li] = [await clerk(kernel, '张三丰'), await clerk(kernel, '李四')]
    const [call, ...more] = given(await listHelpCalls(zhang))
    assert.ok(call && more.length === 0 && call.title === '1号机 · 大厅')
    const both = await Promise.all([takeHelp(zhang, { taskId: call.id }), takeHelp(li, { taskId: call.id })])
    assert.deepEqual(both.map(codeOf).sort(), ['ok', 'tasks.task_taken'])
    assert.equal((await findHelp(at))?.by?.nameMasked, both[0]!.ok ? '张**' : '李**')
    given(await endHelp(zhang, { taskId: call.id }))
    assert.equal(await findHelp(at), undefined)
    assert.equal(codeOf(await endHelp(li, { taskId: call.id })), 'tasks.task_not_found')
    given(await callForHelp(at, { title: '1号机 · 大厅' }))
    assert.deepEqual(await findHelp(at), {}, 'the next call is a new one')
  }))

test('only a device calls, only staff of its area answer, and a call nobody takes is told after five minutes', () => {
  const clock = manualClock('2026-03-02T02:00:00Z')
  return withTestDb(
    async kernel => {
      for (const kind of ['anonymous', 'resident', 'staff'] as const)
        assert.equal(codeOf(await callForHelp(testCtx(kernel, { kind, id: DEVICE }), { title: 'x' })), 'access.denied')
      given(await callForHelp(kiosk(kernel, '990101001001'), { title: '1号机' }))
      const [near, far] = [await clerk(kernel, '张三丰', '990101001001'), await clerk(kernel, '李四', '990101001002')]
      const [call] = given(await listHelpCalls(near))
      assert.deepEqual(given(await listHelpCalls(far)), [])
      assert.equal(codeOf(await takeHelp(far, { taskId: call!.id })), 'tasks.task_not_found')
      assert.equal(codeOf(await endHelp(far, { taskId: call!.id })), 'tasks.task_not_found')
      assert.equal(codeOf(await listHelpCalls(testCtx(kernel))), 'access.denied')
      const warned = async () => (await queryIn(kernel, 'select level from tasks.task_rung')).rows
      clock.advance(299_000)
      await runLadder(kernel, 1)
      assert.deepEqual(await warned(), [])
      clock.advance(2_000)
      await runLadder(kernel, 1)
      assert.deepEqual(await warned(), [{ level: 2 }])
    },
    { clock },
  )
})
