import { dayWithYear } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, PostForm, QuestionForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, LinkButton, LinkList, Section, SummaryList } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export interface HouseholdsView {
  households: readonly {
    href: string
    service: string
    accountMasked: string
    nickname?: string
    /** Masked name of who shared it, when it is not one's own. */
    sharedBy?: string
    isShared: boolean
  }[]
  /** Absent for who did not sign in: they are asked to. */
  sharing?: SharingView
  /** Shown once after a change. */
  notice?: Notice
  errors?: readonly FieldError[]
}

export const notices = ['saved', 'bound', 'shared', 'ended'] as const
type Notice = (typeof notices)[number]

interface SharingView {
  /** Whom the resident shares with; the telephone is what they typed, so a mask of it tells nothing new. */
  members: readonly { phoneMasked: string; since: string; endAction: string }[]
  phone?: string
}

/** Who sees one's accounts. One answer for every number: a share waits for whoever signs in with it. */
function Sharing({ view, errors }: { view: SharingView | undefined; errors: readonly FieldError[] | undefined }) {
  const { ctx, t } = usePage()
  return (
    <Section title={t('households.share_title')}>
      <div class="card stack">
        <p class="t-2">{t('households.share_text')}</p>
        {!view && (
          <LinkButton href={`${paths.signIn}?next=${encodeURIComponent(paths.households)}`} kind="secondary" wide>
            {t('households.share_sign_in')}
          </LinkButton>
        )}
        {view?.members.map(m => (
          <PostForm key={m.endAction} action={m.endAction} class="spread row--wrap">
            <span>
              {m.phoneMasked}
              <br />
              <small class="t-3">{t('households.member_since', { on: dayWithYear(ctx.lang, m.since) })}</small>
            </span>
            <Button kind="secondary">
              {t('households.unshare')}
              <span class="unseen">{m.phoneMasked}</span>
            </Button>
          </PostForm>
        ))}
        {view && (
          <PostForm action={paths.shares} class="stack">
            <Field
              name="phone"
              label={t('households.share_phone')}
              hint={t('households.share_hint')}
              type="tel"
              inputMode="tel"
              value={view.phone}
              maxLength={30}
              errors={errors}
            />
            <Button kind="secondary" wide>
              {t('households.share')}
            </Button>
          </PostForm>
        )}
      </div>
    </Section>
  )
}

export function HouseholdsPage({ view }: { view: HouseholdsView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: paths.mine }}>
      <ErrorSummary errors={view.errors} />
      <Heading title={t('households.title')} />
      <div class="stack">
        {view.notice && (
          <Banner tone="ok" title={t(view.notice === 'shared' ? 'households.shared_done' : `households.${view.notice}`)} live />
        )}
        {view.households.length === 0 ? (
          <Empty title={t('households.empty')}>
            <p>{t('households.empty_text')}</p>
          </Empty>
        ) : (
          <LinkList
            rows={view.households.map(h => ({
              href: h.href,
              title: h.nickname ?? h.service,
              note: (
                <>
                  {h.nickname ? `${h.service} ` : ''}
                  {h.accountMasked}
                  {h.sharedBy && (
                    <>
                      <br />
                      {t('households.shared_by', { name: h.sharedBy })}
                    </>
                  )}
                </>
              ),
              tag: h.isShared ? { text: t('households.shared') } : undefined,
            }))}
          />
        )}
        <LinkButton href={paths.householdNew} kind={view.households.length ? 'secondary' : undefined} wide>
          {t('households.add')}
        </LinkButton>
      </div>
      <Sharing view={view.sharing} errors={view.errors} />
    </Layout>
  )
}

export const householdsPage = (ctx: PageContext, view: HouseholdsView): string =>
  renderPage(ctx, <HouseholdsPage view={view} />, { title: t(ctx.lang)('households.title'), hasError: !!view.errors?.length })

export interface HouseholdNewView {
  billers: readonly { id: string; service: string; name: string }[]
  values?: { biller?: string; account?: string; relation?: string; nickname?: string }
  errors?: readonly FieldError[]
}

const relations = ['owner', 'tenant', 'helper'] as const

/** Bind an account; fields `biller`, `account`, `relation`, `nickname`. */
export function HouseholdNewPage({ view }: { view: HouseholdNewView }) {
  const { t } = usePage()
  const { values = {} } = view
  return (
    <Layout back={{ href: paths.households }}>
      <ErrorSummary errors={view.errors} />
      <Heading title={t('households.add')} lead={t('households.empty_text')} />
      <QuestionForm action={paths.households} button={t('households.add')}>
        <Choices
          name="biller"
          legend={t('find.title')}
          choices={view.billers.map(b => ({ value: b.id, label: b.service, note: b.name }))}
          chosen={values.biller}
          errors={view.errors}
        />
        <Field name="account" label={t('account.label')} value={values.account} maxLength={40} errors={view.errors} />
        <Choices
          name="relation"
          legend={t('households.relation')}
          choices={relations.map(r => ({ value: r, label: t(`households.relation_${r}`) }))}
          chosen={values.relation}
          errors={view.errors}
        />
        <Field
          name="nickname"
          label={t('households.nickname')}
          hint={t('households.nickname_hint')}
          optional
          value={values.nickname}
          maxLength={20}
          errors={view.errors}
        />
      </QuestionForm>
    </Layout>
  )
}

export const householdNewPage = (ctx: PageContext, view: HouseholdNewView): string =>
  renderPage(ctx, <HouseholdNewPage view={view} />, { title: t(ctx.lang)('households.add'), hasError: !!view.errors?.length })

export interface HouseholdView {
  service: string
  biller: string
  accountMasked: string
  addressMasked: string
  billsHref: string
  /** Where auto-debit is switched on for it, or looked after. */
  debit?: { href: string; isOn: boolean }
  /** Where its plans and packs are. */
  productsHref?: string
  /** Where money is paid in advance. */
  prepaidHref?: string
  /** Where payments of the system before are, when it handed over any. */
  pastHref?: string
  own?: { saveAction: string; unbindAction: string; nickname?: string }
  /** A family member's: who shares it, masked, and how to see it no more. */
  shared?: { by: string; endAction: string }
}

/** One account: its bills, its name, and the way out. */
export function HouseholdPage({ view }: { view: HouseholdView }) {
  const { t } = usePage()
  const { own, shared } = view
  return (
    <Layout back={{ href: paths.households }}>
      <Heading title={t('households.edit_title', { service: view.service })} />
      <div class="card stack">
        <SummaryList
          rows={[
            { label: t('print.payer'), value: view.biller },
            { label: t('done.account'), value: view.accountMasked },
            { label: t('not_open.address'), value: view.addressMasked },
            ...(shared ? [{ label: t('households.shared'), value: t('households.shared_by', { name: shared.by }) }] : []),
          ]}
        />
        <LinkButton href={view.billsHref} wide>
          {t('account.find')}
        </LinkButton>
        {view.debit && (
          <LinkButton href={view.debit.href} kind="secondary" wide>
            {t(view.debit.isOn ? 'debit.manage' : 'debit.on')}
          </LinkButton>
        )}
        {view.prepaidHref && (
          <LinkButton href={view.prepaidHref} kind="secondary" wide>
            {t('prepaid.title')}
          </LinkButton>
        )}
        {view.productsHref && (
          <LinkButton href={view.productsHref} kind="secondary" wide>
            {t('product.title')}
          </LinkButton>
        )}
        {view.pastHref && (
          <LinkButton href={view.pastHref} kind="secondary" wide>
            {t('past.title')}
          </LinkButton>
        )}
      </div>
      {own && (
        <>
          <div class="sec">
            <PostForm action={own.saveAction} class="card stack">
              <Field
                name="nickname"
                label={t('households.nickname')}
                hint={t('households.nickname_hint')}
                optional
                value={own.nickname}
                maxLength={20}
              />
              <Button kind="secondary" wide>
                {t('households.save')}
              </Button>
            </PostForm>
          </div>
          <Section title={t('households.unbind')}>
            <PostForm action={own.unbindAction} class="stack">
              <p class="t-2">{t('households.unbind_text')}</p>
              <Button kind="secondary" wide>
                {t('households.unbind')}
              </Button>
            </PostForm>
          </Section>
        </>
      )}
      {shared && (
        <Section title={t('households.leave')}>
          <PostForm action={shared.endAction} class="stack">
            <p class="t-2">{t('households.leave_text')}</p>
            <Button kind="secondary" wide>
              {t('households.leave')}
            </Button>
          </PostForm>
        </Section>
      )}
    </Layout>
  )
}

export const householdPage = (ctx: PageContext, view: HouseholdView): string =>
  renderPage(ctx, <HouseholdPage view={view} />, { title: t(ctx.lang)('households.edit_title', { service: view.service }) })
