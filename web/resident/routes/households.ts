import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from '#kernel/http/server.ts'
import { dayOf } from '#kernel/time.ts'
import { billingErrors, bindAccount, findAccount, listBillers, listBindings, unbindAccount } from '#modules/billing/index.ts'
import { identityErrors, listShares, revokeShare, shareWith } from '#modules/identity/index.ts'
import { debitLinkOf } from '#web/debits/routes.ts'
import { prepaidLinkOf } from '#web/prepaid/routes.ts'
import { productsLinkOf } from '#web/products/routes.ts'
import { fieldError } from '#web/ui/field-errors.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import type { Visit } from '#web/visit.ts'
import { householdNewPage, householdPage, householdsPage, notices } from '../households.tsx'
import { paths } from '../paths.ts'
import { billers, type Limit, LOOKUPS, listKept, showBills } from './accounts.ts'
import type { Pages } from './pages.ts'
import { pastLinkOf } from './past.ts'
import { maskedAccount, textsOf } from './views.ts'

const hidden = { schema: { hide: true } }

async function showHouseholds(
  pages: Pages,
  visit: Visit,
  reply: FastifyReply,
  extra: { notice?: string | undefined; phone?: string; errors?: FieldError[] },
): Promise<FastifyReply> {
  const known = new Map((await billers(visit)).map(b => [b.id, b]))
  const shares = visit.resident && (await listShares(visit.ctx, visit.resident.id))
  const given = shares?.ok ? shares.value.given : []
  const notice = notices.find(n => n === extra.notice)
  return pages.html(
    reply,
    householdsPage(visit.page, {
      households: (await listKept(visit)).map(k => ({
        href: `/mine/households/${k.id}`,
        service: known.get(k.billerId)!.service,
        accountMasked: maskedAccount(k.accountNo),
        isShared: !k.share && k.relation !== 'helper' && given.length > 0,
        ...(k.nickname && { nickname: k.nickname }),
        ...(k.share && { sharedBy: k.share.by }),
      })),
      ...(visit.resident && {
        sharing: {
          members: given.map(s => ({
            phoneMasked: s.otherMasked,
            since: dayOf(s.grantedAt),
            endAction: `/mine/shares/${s.id}/end`,
          })),
          ...(extra.phone !== undefined && { phone: extra.phone }),
        },
      }),
      ...(notice && { notice }),
      ...(extra.errors && { errors: extra.errors }),
    }),
    extra.errors ? 422 : 200,
  )
}

export function addHouseholdRoutes(server: Server, pages: Pages, limit: Limit): void {
  server.get(paths.households, hidden, async (request, reply) =>
    showHouseholds(pages, await pages.visit(request, reply), reply, { notice: textsOf(request.query).notice }),
  )
  server.get(paths.householdNew, hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    return pages.html(reply, householdNewPage(visit.page, { billers: await billers(visit) }))
  })
  server.post(paths.households, { ...hidden, config: { rateLimit: LOOKUPS } }, (request, reply) =>
    pages.guarded(request, reply, async () => {
      const visit = await pages.visit(request, reply)
      const tooMany = await limit(visit, request, reply)
      if (tooMany) return tooMany
      const body = textsOf(request.body)
      const errors: FieldError[] = []
      if (!body.biller) errors.push(fieldError(visit.ctx.lang, 'billerMissing'))
      if (!['owner', 'tenant', 'helper'].includes(body.relation ?? '')) errors.push(fieldError(visit.ctx.lang, 'relationMissing'))
      const found = body.biller ? await findAccount(visit.ctx, body.biller, body.account ?? '') : undefined
      if (found && !found.ok)
        errors.push(
          fieldError(
            visit.ctx.lang,
            (body.account ?? '').trim() === ''
              ? 'accountEmpty'
              : found.error.code === billingErrors.account_no_malformed.code
                ? 'accountFormat'
                : 'accountNotFound',
            { digits: (await listBillers(visit.ctx)).find(b => b.id === body.biller)?.config.account.length ?? '' },
          ),
        )
      if (errors.length > 0 || !found?.ok)
        return pages.html(reply, householdNewPage(visit.page, { billers: await billers(visit), values: body, errors }), 422)
      await bindAccount(visit.ctx, visit.payer, found.value.id, body.relation!, body.nickname?.trim().slice(0, 20) || null)
      return reply.redirect(`${paths.households}?notice=bound`, 303)
    }),
  )
  addHousehold(server, pages)
  addSharing(server, pages)
}

function addHousehold(server: Server, pages: Pages): void {
  const idOf = (request: FastifyRequest) => (request.params as { id: string }).id
  const kept = async (visit: Visit, request: FastifyRequest) => (await listKept(visit)).find(k => k.id === idOf(request))
  const bound = async (visit: Visit, request: FastifyRequest) =>
    (await listBindings(visit.ctx, visit.payers)).find(k => k.id === idOf(request))
  server.get('/mine/households/:id/bills', hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const binding = await kept(visit, request)
    return binding ? showBills(pages, visit, reply, binding) : pages.error(visit, reply, billingErrors.account_not_found)
  })
  server.get('/mine/households/:id', hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const binding = await kept(visit, request)
    if (!binding) return pages.error(visit, reply, billingErrors.account_not_found)
    const biller = (await billers(visit)).find(b => b.id === binding.billerId)!
    const base = `/mine/households/${binding.id}`
    const debit = await debitLinkOf(visit, binding.id)
    const productsHref = await productsLinkOf(visit, binding.id)
    const prepaidHref = await prepaidLinkOf(visit, binding.id)
    const pastHref = await pastLinkOf(visit, binding)
    return pages.html(
      reply,
      householdPage(visit.page, {
        service: biller.service,
        biller: biller.name,
        accountMasked: maskedAccount(binding.accountNo),
        addressMasked: binding.addressMask,
        billsHref: `${base}/bills`,
        ...(debit && { debit }),
        ...(productsHref && { productsHref }),
        ...(prepaidHref && { prepaidHref }),
        ...(pastHref && { pastHref }),
        ...(binding.share
          ? { shared: { by: binding.share.by, endAction: `/mine/shares/${binding.share.id}/end` } }
          : {
              own: { saveAction: `${base}/save`, unbindAction: `${base}/unbind`, ...(binding.nickname && { nickname: binding.nickname }) },
            }),
      }),
    )
  })
  pages.form(server, '/mine/households/:id/save', {}, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const binding = await bound(visit, request)
    if (!binding) return pages.error(visit, reply, billingErrors.account_not_found)
    await bindAccount(
      visit.ctx,
      visit.payer,
      binding.id,
      binding.relation,
      textsOf(request.body).nickname?.trim().slice(0, 20) || null,
      binding.sharedBy,
    )
    return reply.redirect(`${paths.households}?notice=saved`, 303)
  })
  pages.form(server, '/mine/households/:id/unbind', {}, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const binding = await bound(visit, request)
    if (!binding) return pages.error(visit, reply, billingErrors.account_not_found)
    await unbindAccount(visit.ctx, visit.payers, binding.id)
    return reply.redirect(`${paths.households}?notice=saved`, 303)
  })
}

/** Only who signed in by telephone has anything to share, and only with a telephone. */
function addSharing(server: Server, pages: Pages): void {
  pages.form(server, paths.shares, { per_minute: 10 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    if (!visit.resident) return reply.redirect(`${paths.signIn}?next=${encodeURIComponent(paths.households)}`, 303)
    const { phone = '' } = textsOf(request.body)
    const shared = await shareWith(visit.ctx, { ownerId: visit.resident.id, phone, scope: 'pay' })
    // One answer whoever the number belongs to, and whether it belongs to anybody yet.
    if (shared.ok) return reply.redirect(`${paths.households}?notice=shared`, 303)
    const name =
      shared.error.code === identityErrors.too_many_shares.code
        ? 'shareMany'
        : shared.error.code === identityErrors.share_with_self.code
          ? 'shareSelf'
          : 'sharePhone'
    return showHouseholds(pages, visit, reply, { phone: phone.slice(0, 30), errors: [fieldError(visit.ctx.lang, name)] })
  })
  pages.form(server, '/mine/shares/:id/end', {}, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const ended = await revokeShare(visit.ctx, { shareId: (request.params as { id: string }).id })
    if (ended.ok) return reply.redirect(`${paths.households}?notice=ended`, 303)
    pages.refused(visit, ended.error, 'POST /mine/shares/:id/end')
    return pages.error(visit, reply, ended.error)
  })
}
