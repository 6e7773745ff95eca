import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { ensureCaller, storeCaller } from '../common/caller.ts'
import { hmacGuard } from '../common/hmac.ts'
import { openJournal } from '../common/journal.ts'
import { type Brand, escapeHtml, page } from '../common/page.ts'
import { announce, controlFaults, listen, sandboxServer, surroundings } from '../common/process.ts'

/** Stand-in for an SMS gateway and for WeChat service messages, as a process of its own. */
const around = surroundings()
const { faults } = around
const caller = ensureCaller(around.keysDir, 'sms')
const BRAND: Brand = { name: '演示短信箱', english: 'Message stand-in', colour: '#1f4e8c', root: '/' }
const LISTED_MAX = 100

interface Message {
  id: string
  kind: 'sms' | 'wechat'
  to: string
  template: string
  params: Record<string, string>
  out_id: string
  text: string
  at: string
}

const messages: Message[] = []
const byOutId = new Map<string, Message>()
const fold = (message: Message): void => {
  messages.push(message)
  if (message.out_id) byOutId.set(message.out_id, message)
}
const journal = openJournal<Message>(join(around.keysDir, 'sms-journal.jsonl'), fold)

/** Parameters go into `{name}` places; those without a place follow the text, so that nothing stays unseen. */
function textOf(template: string, params: Record<string, string>): string {
  const unused = new Set(Object.keys(params))
  const filled = template.replace(/\{(\w+)\}/g, (place, name: string) => {
    unused.delete(name)
    return params[name] ?? place
  })
  const rest = [...unused].map(name => `${name}: ${params[name]}`).join(', ')
  return rest ? `${filled} (${rest})` : filled
}

function keep(kind: Message['kind'], to: string, template: string, params: Record<string, string>, outId: string): Message {
  const known = outId ? byOutId.get(outId) : undefined
  if (known) return known
  const message = {
    id: randomUUID(),
    kind,
    to,
    template,
    params,
    out_id: outId,
    text: textOf(template, params),
    at: around.now().toISOString(),
  }
  journal.append(message)
  fold(message)
  return message
}

const app = await sandboxServer()
const scalar = z.union([z.string(), z.number()]).transform(String)
const smsInput = z.object({
  to: z.string().regex(/^\+?\d{5,15}$/),
  template: z.string().min(1).max(500),
  params: z.record(z.string(), scalar).default({}),
  out_id: z.string().max(64).default(''),
})
const wechatInput = z.object({
  touser: z.string().min(1).max(64),
  template_id: z.string().min(1).max(100),
  data: z.record(z.string(), z.object({ value: scalar })).default({}),
})

await app.register(async signed => {
  signed.addHook('preHandler', hmacGuard(caller, around.now))
  signed.post('/v1/messages', async (request, reply) => {
    const input = smsInput.safeParse(request.body)
    if (!input.success) return reply.status(400).send({ code: 'message_bad', message: z.prettifyError(input.error) })
    if (faults.strikes('drop')) {
      reply.hijack()
      request.raw.socket.destroy()
      return reply
    }
    if (faults.current.create_delay_ms > 0) await sleep(faults.current.create_delay_ms)
    if (faults.strikes('reject')) return reply.status(422).send({ code: 'number_blocked', message: 'refused by the carrier' })
    const { to, template, params, out_id } = input.data
    const message = keep('sms', to, template, params, out_id)
    if (faults.strikes('fail_after_commit')) return reply.status(503).send({ code: 'busy', message: 'try again' })
    return reply.status(202).send({ id: message.id, state: 'ACCEPTED' })
  })
})

app.post('/cgi-bin/message/subscribe/send', async (request, reply) => {
  if (!(request.query as Record<string, string | undefined>).access_token) return { errcode: 40001, errmsg: 'invalid credential' }
  const input = wechatInput.safeParse(request.body)
  if (!input.success) return reply.send({ errcode: 47001, errmsg: 'data format error' })
  const { touser, template_id, data } = input.data
  keep('wechat', touser, template_id, Object.fromEntries(Object.entries(data).map(([name, { value }]) => [name, value])), '')
  return { errcode: 0, errmsg: 'ok' }
})

controlFaults(app, faults)
const listed = (to: string | undefined): Message[] =>
  messages
    .filter(message => to === undefined || message.to === to)
    .slice(-LISTED_MAX)
    .reverse()
app.get('/_control/messages', async request => ({ messages: listed((request.query as Record<string, string | undefined>).to) }))
app.get('/', async (request, reply) => {
  const items = listed((request.query as Record<string, string | undefined>).to).map(
    message =>
      `<li><b>${escapeHtml(message.to)}</b> <span class="hint">${new Date(message.at).toLocaleTimeString('zh-CN', { timeZone: 'Asia/Shanghai' })}</span><br>${escapeHtml(message.text)}</li>`,
  )
  const body = items.length > 0 ? `<ul>${items.join('')}</ul>` : '<p>还没有短信。</p>'
  const hint = '<p class="hint">最新的在最上面，刷新页面可看新短信。English: newest first, reload to see more.</p>'
  return reply.type('text/html; charset=utf-8').send(page(BRAND, '收到的短信', hint + body))
})

const url = await listen(app, caller.baseUrl)
storeCaller(around.keysDir, 'sms', caller, url)
announce('sms', url, () => app.close())
