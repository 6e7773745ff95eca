import type { FastifyReply } from 'fastify'
import { publicUrl } from '#kernel/config.ts'
import { type Ctx, type Lang, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import type { AppError } from '#kernel/result.ts'
import { listBillers } from '#modules/billing/index.ts'
import {
  approveStaffChange,
  changePassword,
  declineStaffChange,
  endOwnSessions,
  finishEnrolment,
  identityErrors,
  isRole,
  listOwnSessions,
  listStaff,
  listStaffChanges,
  proposeStaffAccount,
  proposeStaffChange,
  type Role,
  roles,
  type StaffSummary,
  startEnrolment,
} from '#modules/identity/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { billerName, textsOf } from '#web/resident/routes/views.ts'
import { type FieldErrorName, fieldError } from '#web/ui/field-errors.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { type MessageKey, t } from '#web/ui/messages.ts'
import { accountsPage, enrolmentCodePage, newAccountPage, type StaffAccountView, staffAccountPage } from './accounts.tsx'
import { type Desk, isDesk, openDesk } from './desk.ts'
import { enrolPage, enrolSetPage } from './enrol.tsx'
import { type MeView, mePage } from './me.tsx'
import { staffPaths } from './paths.ts'

const hidden = { schema: { hide: true } }
const roleName = (lang: Lang, role: Role): string => t(lang)(`staff.role_${role}`)
const areaName = (lang: Lang, area: string | null | undefined): string => area ?? t(lang)('staff.area_all')

const billerChoices = async (ctx: Ctx) => (await listBillers(ctx)).map(b => ({ value: b.id, label: billerName(ctx.lang, b) }))
const roleChoices = (lang: Lang) => roles.map(value => ({ value, label: roleName(lang, value) }))

/** Where somebody works: at a biller, or in a part of the sub-district. */
const placeOf = (
  lang: Lang,
  billers: Awaited<ReturnType<typeof billerChoices>>,
  at: { readonly billerId?: string | null | undefined; readonly area: string | null | undefined },
): string => (at.billerId ? (billers.find(b => b.value === at.billerId)?.label ?? at.billerId) : areaName(lang, at.area))

/** What a refusal says about a field of the form; undefined when it is about the whole. */
const wordsFor = (lang: Lang, error: AppError, words: Readonly<Record<string, FieldErrorName>>): FieldError[] | undefined => {
  const name = words[error.code]
  return name && [fieldError(lang, name)]
}

/** Own account, accounts of others under four eyes, and setting secrets anew with a code. */
export function addAccountRoutes(server: Server, pages: Pages): void {
  addOwn(server, pages)
  addOthers(server, pages)
  addChanges(server, pages)
  addEnrolment(server, pages)
}

const PASSWORD_WORDS = {
  [identityErrors.credentials_refused.code]: 'staffPasswordOld',
  [identityErrors.second_factor_refused.code]: 'staffSecond',
  [identityErrors.password_too_short.code]: 'staffPasswordShort',
  [identityErrors.password_unchanged.code]: 'staffPasswordSame',
} as const

function addOwn(server: Server, pages: Pages): void {
  const { enter, deny } = openDesk(pages)
  const show = async (desk: Desk, reply: FastifyReply, more: Pick<MeView, 'notice' | 'errors'>) => {
    const { ctx, member } = desk
    const sessions = await listOwnSessions(ctx, desk.token)
    const view = {
      name: member.name,
      role: roleName(ctx.lang, member.role),
      ...(member.billerId && { biller: placeOf(ctx.lang, await billerChoices(ctx), member) }),
      area: areaName(ctx.lang, member.area),
      sessions: sessions.ok ? sessions.value : [],
      hasAccounts: permit(ctx, 'identity.staff.read').ok,
      ...more,
    }
    return pages.html(reply, mePage(desk.page, view), more.errors ? 422 : 200)
  }
  server.get(staffPaths.me, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { notice } = textsOf(request.query)
    return show(desk, reply, notice === 'password' || notice === 'ended' ? { notice } : {})
  })
  pages.form(server, staffPaths.password, { per_minute: 10 }, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { password = '', newPassword = '', code = '' } = textsOf(request.body)
    const changed = await changePassword(desk.ctx, { token: desk.token, password, newPassword, code })
    if (changed.ok) return reply.redirect(`${staffPaths.me}?notice=password`, 303)
    const errors = wordsFor(desk.ctx.lang, changed.error, PASSWORD_WORDS)
    if (!errors) return deny(desk, reply, changed.error, `POST ${staffPaths.password}`)
    pages.refused({ ...desk.visit, ctx: desk.ctx }, changed.error, `POST ${staffPaths.password}`)
    return show(desk, reply, { errors })
  })
  for (const path of [staffPaths.endSession, staffPaths.endOthers]) {
    pages.form(server, path, {}, async (request, reply) => {
      const desk = await enter(request, reply)
      if (!isDesk(desk)) return desk
      const which = path === staffPaths.endSession ? { id: textsOf(request.body).id ?? '' } : { allBut: desk.token }
      const ended = await endOwnSessions(desk.ctx, which)
      return ended.ok ? reply.redirect(`${staffPaths.me}?notice=ended`, 303) : deny(desk, reply, ended.error, `POST ${path}`)
    })
  }
}

async function showAccount(
  pages: Pages,
  desk: Desk,
  reply: FastifyReply,
  account: StaffSummary,
  more: Pick<StaffAccountView, 'values' | 'errors'>,
): Promise<FastifyReply> {
  const { ctx, page, member } = desk
  const isOwn = account.id === member.id
  const billers = await billerChoices(ctx)
  const view = {
    id: account.id,
    name: account.name,
    username: account.username,
    role: { value: account.role, label: roleName(ctx.lang, account.role) },
    area: areaName(ctx.lang, account.area),
    ...(account.billerId && { biller: { value: account.billerId, label: placeOf(ctx.lang, billers, account) } }),
    roles: roleChoices(ctx.lang),
    billers,
    canPropose: !isOwn && permit(ctx, 'identity.staff.manage').ok,
    isClosed: account.isDisabled,
    isOwn,
    ...more,
  }
  return pages.html(reply, staffAccountPage(page, view), more.errors ? 422 : 200)
}

const ROLE_WORDS = {
  [identityErrors.reason_missing.code]: 'staffWhy',
  [identityErrors.same_role.code]: 'staffRoleSame',
  [identityErrors.area_unknown.code]: 'staffArea',
  [identityErrors.change_open.code]: 'staffChangeOpen',
} as const
const RESET_WORDS = {
  [identityErrors.reason_missing.code]: 'staffWhyReset',
  [identityErrors.change_open.code]: 'staffChangeOpenReset',
} as const

const closeErrors = (lang: Lang, kind: string, error: AppError): FieldError[] | undefined =>
  kind !== 'close'
    ? undefined
    : error.code === identityErrors.reason_missing.code
      ? [{ field: 'why-close', text: t(lang)('staff.error_why') }]
      : error.code === identityErrors.change_open.code
        ? [{ field: 'why-close', text: t(lang)('staff.error_change_open') }]
        : undefined

/** Refusals whose words stand with the desk's own. */
const billerErrors = (lang: Lang, error: AppError): FieldError[] | undefined =>
  error.code === identityErrors.biller_missing.code ? [{ field: 'billerId', text: t(lang)('staff.error_biller') }] : undefined

const NEW_ERRORS: Readonly<Record<string, { field: string; key: MessageKey }>> = {
  [identityErrors.name_missing.code]: { field: 'name', key: 'staff.error_name' },
  [identityErrors.username_malformed.code]: { field: 'username', key: 'staff.error_username' },
  [identityErrors.username_taken.code]: { field: 'username', key: 'staff.error_username_taken' },
  [identityErrors.reason_missing.code]: { field: 'why', key: 'staff.error_why' },
  [identityErrors.biller_missing.code]: { field: 'billerId', key: 'staff.error_biller' },
  [identityErrors.area_unknown.code]: { field: 'areaCode', key: 'staff.error_area' },
}

/** Somebody new: proposed here, opened when another administrator agrees. */
function addNew(server: Server, pages: Pages): void {
  const { enter, deny } = openDesk(pages)
  server.get(staffPaths.accountNew, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const may = permit(desk.ctx, 'identity.staff.manage')
    if (!may.ok) return deny(desk, reply, may.error, `GET ${staffPaths.accountNew}`)
    return pages.html(reply, newAccountPage(desk.page, { roles: roleChoices(desk.ctx.lang), billers: await billerChoices(desk.ctx) }))
  })
  pages.form(server, staffPaths.accountNew, { per_minute: 20 }, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { lang } = desk.ctx
    const may = permit(desk.ctx, 'identity.staff.manage')
    if (!may.ok) return deny(desk, reply, may.error, `POST ${staffPaths.accountNew}`)
    const values = textsOf(request.body)
    const { name = '', username = '', why = '', role = '' } = values
    const areaCode = values.areaCode?.trim()
    const billers = await billerChoices(desk.ctx)
    const billerId = billers.find(b => b.value === values.billerId)?.value
    const proposed = isRole(role)
      ? await proposeStaffAccount(desk.ctx, { name, username, role, why, ...(areaCode && { areaCode }), ...(billerId && { billerId }) })
      : { ok: false as const, error: identityErrors.same_role }
    if (proposed.ok) return reply.redirect(`${staffPaths.accounts}?notice=proposed`, 303)
    const wrong = isRole(role) ? NEW_ERRORS[proposed.error.code] : { field: 'role', key: 'staff.error_role' as const }
    if (!wrong) return deny(desk, reply, proposed.error, `POST ${staffPaths.accountNew}`)
    const errors = [{ field: wrong.field, text: t(lang)(wrong.key) }]
    return pages.html(reply, newAccountPage(desk.page, { roles: roleChoices(lang), billers, values, errors }), 422)
  })
}

function addOthers(server: Server, pages: Pages): void {
  const { enter, refuse, deny } = openDesk(pages)
  const find = async (desk: Desk, id: string) => {
    const listed = await listStaff(desk.ctx)
    return listed.ok ? listed.value.find(account => account.id === id) : undefined
  }
  server.get(staffPaths.accounts, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx, member } = desk
    const [listed, waiting] = [await listStaff(ctx), await listStaffChanges(ctx)]
    if (!listed.ok) return deny(desk, reply, listed.error, `GET ${staffPaths.accounts}`)
    if (!waiting.ok) return deny(desk, reply, waiting.error, `GET ${staffPaths.accounts}`)
    const billers = await billerChoices(ctx)
    const names = new Map(listed.value.map(account => [account.id, account.name]))
    const mayApprove = permit(ctx, 'identity.staff.approve').ok
    const mayDecline = mayApprove || permit(ctx, 'identity.staff.manage').ok
    const { notice } = textsOf(request.query)
    const view = {
      canOpen: permit(ctx, 'identity.staff.manage').ok,
      accounts: listed.value.map(a => ({
        href: `${staffPaths.accounts}/${a.id}`,
        username: a.username,
        name: a.name,
        role: roleName(ctx.lang, a.role),
        area: placeOf(ctx.lang, billers, a),
        isClosed: a.isDisabled,
      })),
      waiting: waiting.value.map(c => ({
        id: c.id,
        name: names.get(c.staffId) ?? '',
        what: c.role
          ? t(ctx.lang)(c.kind === 'open' ? 'staff.change_open' : 'staff.change_role', {
              role: roleName(ctx.lang, c.role),
              area: placeOf(ctx.lang, billers, { billerId: c.billerId, area: c.areaCode }),
            })
          : t(ctx.lang)(c.kind === 'close' ? 'staff.change_close' : 'staff.change_reset'),
        why: c.why,
        proposedBy: names.get(c.proposedBy) ?? '',
        at: c.proposedAt,
        canApprove: mayApprove && c.proposedBy !== member.id && c.staffId !== member.id,
        canDecline: mayDecline,
      })),
      ...((notice === 'proposed' || notice === 'approved' || notice === 'declined') && { notice: notice as 'proposed' }),
    }
    return pages.html(reply, accountsPage(desk.page, view))
  })
  server.get('/staff/accounts/:id', hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const may = permit(desk.ctx, 'identity.staff.read')
    if (!may.ok) return deny(desk, reply, may.error, 'GET /staff/accounts/:id')
    const account = await find(desk, (request.params as { id: string }).id)
    return account ? showAccount(pages, desk, reply, account, {}) : refuse(desk, reply, 404)
  })
  addNew(server, pages)
  for (const kind of ['role', 'reset', 'open', 'close'] as const) {
    pages.form(server, `/staff/accounts/:id/${kind}`, { per_minute: 20 }, async (request, reply) => {
      const desk = await enter(request, reply)
      if (!isDesk(desk)) return desk
      const { id } = request.params as { id: string }
      const values = textsOf(request.body)
      const role = values.role && isRole(values.role) ? values.role : undefined
      const areaCode = values.areaCode?.trim()
      const billerId = (await billerChoices(desk.ctx)).find(b => b.value === values.billerId)?.value
      const proposed =
        kind === 'reset' || kind === 'close'
          ? await proposeStaffChange(desk.ctx, { kind, staffId: id, why: values[`why-${kind}`] ?? '' })
          : role
            ? await proposeStaffChange(desk.ctx, {
                kind,
                staffId: id,
                role,
                why: values.why ?? '',
                ...(areaCode && { areaCode }),
                ...(billerId && { billerId }),
              })
            : { ok: false as const, error: identityErrors.same_role }
      if (proposed.ok) return reply.redirect(`${staffPaths.accounts}?notice=proposed`, 303)
      const place = `POST /staff/accounts/:id/${kind}`
      const errors =
        wordsFor(desk.ctx.lang, proposed.error, kind === 'reset' ? RESET_WORDS : kind === 'close' ? {} : ROLE_WORDS) ??
        billerErrors(desk.ctx.lang, proposed.error) ??
        closeErrors(desk.ctx.lang, kind, proposed.error)
      const account = errors && (await find(desk, id))
      if (!account) return deny(desk, reply, proposed.error, place)
      pages.refused({ ...desk.visit, ctx: desk.ctx }, proposed.error, place)
      return showAccount(pages, desk, reply, account, { values, errors })
    })
  }
}

function addChanges(server: Server, pages: Pages): void {
  const { kernel } = pages.options
  const { enter, deny } = openDesk(pages)
  pages.form(server, '/staff/changes/:id/approve', { per_minute: 20 }, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { id } = request.params as { id: string }
    const listed = await listStaffChanges(desk.ctx)
    const change = listed.ok ? listed.value.find(c => c.id === id) : undefined
    const approved = await approveStaffChange(desk.ctx, { changeId: id })
    if (!approved.ok) return deny(desk, reply, approved.error, 'POST /staff/changes/:id/approve')
    const { enrolmentCode } = approved.value
    if (!enrolmentCode) return reply.redirect(`${staffPaths.accounts}?notice=approved`, 303)
    const accounts = await listStaff(desk.ctx)
    const name = (accounts.ok && accounts.value.find(a => a.id === change?.staffId)?.name) || ''
    const address = publicUrl(kernel.config).replace(/^https?:\/\//, '') + staffPaths.enrol
    // Answered at once and not by a redirect: the code is kept nowhere to be read again.
    return pages.html(reply, enrolmentCodePage(desk.page, { name, code: enrolmentCode, address }))
  })
  pages.form(server, '/staff/changes/:id/decline', { per_minute: 20 }, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const declined = await declineStaffChange(desk.ctx, { changeId: (request.params as { id: string }).id })
    return declined.ok
      ? reply.redirect(`${staffPaths.accounts}?notice=declined`, 303)
      : deny(desk, reply, declined.error, 'POST /staff/changes/:id/decline')
  })
}

const SET_WORDS = {
  [identityErrors.password_too_short.code]: 'staffPasswordShort',
  [identityErrors.second_factor_refused.code]: 'staffTotp',
} as const

function addEnrolment(server: Server, pages: Pages): void {
  server.get(staffPaths.enrol, hidden, async (request, reply) => pages.html(reply, enrolPage((await pages.visit(request, reply)).page, {})))
  pages.form(server, staffPaths.enrol, { per_minute: 10 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { username = '', code = '' } = textsOf(request.body)
    const started = await startEnrolment(visit.ctx, { username, code })
    if (started.ok) return pages.html(reply, enrolSetPage(visit.page, { username, code, ...started.value }))
    pages.refused(visit, started.error, `POST ${staffPaths.enrol}`)
    const errors = [fieldError(visit.ctx.lang, 'staffEnrol')]
    return pages.html(reply, enrolPage(visit.page, { username: username.slice(0, 60), errors }), 422)
  })
  pages.form(server, staffPaths.enrolFinish, { per_minute: 10 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { username = '', code = '', newPassword = '', totp = '' } = textsOf(request.body)
    const finished = await finishEnrolment(visit.ctx, { username, code, password: newPassword, totp })
    if (finished.ok) return reply.redirect(`${staffPaths.signIn}?notice=enrolled`, 303)
    pages.refused(visit, finished.error, `POST ${staffPaths.enrolFinish}`)
    const errors = wordsFor(visit.ctx.lang, finished.error, SET_WORDS)
    const again = errors && (await startEnrolment(visit.ctx, { username, code }))
    if (again?.ok) return pages.html(reply, enrolSetPage(visit.page, { username, code, ...again.value, errors: errors! }), 422)
    const refused = [fieldError(visit.ctx.lang, 'staffEnrol')]
    return pages.html(reply, enrolPage(visit.page, { username: username.slice(0, 60), errors: refused }), 422)
  })
}
