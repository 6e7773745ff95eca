import { dateTime } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, LinkButton, SummaryList, Tag } from '#web/ui/parts.tsx'
import { staffPaths } from './paths.ts'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

export interface ChangeView {
  id: string
  name: string
  what: string
  why: string
  proposedBy: string
  at: Date
  canApprove: boolean
  canDecline: boolean
}

export interface AccountsView {
  /** May propose somebody new. */
  canOpen: boolean
  accounts: readonly { href: string; username: string; name: string; role: string; area: string; isClosed: boolean }[]
  waiting: readonly ChangeView[]
  notice?: 'proposed' | 'approved' | 'declined'
}

function Decide({ change }: { change: ChangeView }) {
  const { t } = usePage()
  const { id, name, what } = change
  return (
    <div class="btns">
      {change.canApprove && (
        <PostForm action={`/staff/changes/${id}/approve`}>
          <Button>
            {t('staff.approve')}
            <span class="unseen">{t('staff.approve_of', { name, what })}</span>
          </Button>
        </PostForm>
      )}
      {change.canDecline && (
        <PostForm action={`/staff/changes/${id}/decline`}>
          <Button kind="secondary">
            {t('staff.decline')}
            <span class="unseen">{t('staff.decline_of', { name, what })}</span>
          </Button>
        </PostForm>
      )}
    </div>
  )
}

/** What waits for a second pair of eyes, then every account. */
export function AccountsPage({ view }: { view: AccountsView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <h1>{t('staff.accounts')}</h1>
      {view.notice && <Banner tone="ok" title={t(`staff.notice_${view.notice}`)} live />}
      <Pane title={t('staff.waiting')} note={t('staff.waiting_note')}>
        {view.waiting.length === 0 ? (
          <p class="t-3">{t('staff.waiting_none')}</p>
        ) : (
          view.waiting.map(c => (
            <div class="stack" key={c.id}>
              <SummaryList
                rows={[
                  { label: c.name, value: c.what },
                  { label: t('staff.why'), value: c.why },
                  { label: t('staff.proposed_by'), value: `${c.proposedBy} · ${dateTime(ctx.lang, c.at)}` },
                ]}
              />
              <Decide change={c} />
            </div>
          ))
        )}
      </Pane>
      <Pane title={t('staff.accounts')}>
        {view.canOpen && (
          <div class="btns">
            <LinkButton href={staffPaths.accountNew} kind="secondary">
              {t('staff.account_new')}
            </LinkButton>
          </div>
        )}
        <WideTable
          columns={[
            { title: t('staff.username'), cell: (a: AccountsView['accounts'][number]) => <a href={a.href}>{a.username}</a> },
            { title: t('staff.name'), cell: a => a.name },
            { title: t('staff.role'), cell: a => a.role },
            { title: t('staff.area'), cell: a => a.area },
            {
              title: t('staff.col_state'),
              cell: a => (a.isClosed ? <Tag>{t('staff.account_closed')}</Tag> : <Tag tone="ok">{t('staff.account_open')}</Tag>),
            },
          ]}
          rows={view.accounts}
        />
      </Pane>
    </StaffLayout>
  )
}

export const accountsPage = (ctx: StaffPageContext, view: AccountsView): string =>
  renderStaffPage(ctx, <AccountsPage view={view} />, { title: t(ctx.lang)('staff.accounts') })

/** Only the role that works for a biller asks for it; where the style sheet cannot tell the question is always there. */
function BillerChoice(props: {
  billers: StaffAccountView['billers']
  chosen: string | undefined
  errors: readonly FieldError[] | undefined
}) {
  const { t } = usePage()
  return (
    <div class="billerchoice">
      <Choices name="billerId" legend={t('staff.biller_of')} isDense choices={props.billers} chosen={props.chosen} errors={props.errors} />
    </div>
  )
}

export interface StaffAccountView {
  id: string
  name: string
  username: string
  role: { value: string; label: string }
  area: string
  biller?: { value: string; label: string }
  roles: readonly { value: string; label: string }[]
  billers: readonly { value: string; label: string }[]
  /** Proposals can be made here; not for one's own account, nor a closed one. */
  canPropose: boolean
  isOwn: boolean
  isClosed: boolean
  values?: { role?: string; billerId?: string; areaCode?: string; why?: string; 'why-reset'?: string; 'why-close'?: string }
  errors?: readonly FieldError[]
}

/** One account. Fields `role`, `areaCode`, `why`; `why-reset`. */
export function StaffAccountPage({ view }: { view: StaffAccountView }) {
  const { t } = usePage()
  const { values, errors } = view
  return (
    <StaffLayout>
      <h1>{view.name}</h1>
      <ErrorSummary errors={errors} />
      <Pane title={view.username}>
        <SummaryList
          rows={[
            { label: t('staff.role'), value: view.role.label },
            ...(view.biller ? [{ label: t('staff.biller'), value: view.biller.label }] : []),
            { label: t('staff.area'), value: view.area },
            { label: t('staff.col_state'), value: t(view.isClosed ? 'staff.account_closed' : 'staff.account_open') },
          ]}
        />
        {view.isOwn && <p class="t-3">{t('staff.own_account')}</p>}
      </Pane>
      {view.canPropose && (
        <>
          <Pane title={t(view.isClosed ? 'staff.propose_open' : 'staff.propose_role')} note={t('staff.waiting_note')}>
            <PostForm action={`/staff/accounts/${view.id}/${view.isClosed ? 'open' : 'role'}`} class="stack">
              <Choices
                name="role"
                legend={t('staff.propose_role_to')}
                isDense
                choices={view.roles}
                chosen={values?.role ?? view.role.value}
                errors={errors}
              />
              <BillerChoice billers={view.billers} chosen={values?.billerId ?? view.biller?.value} errors={errors} />
              <Field
                name="areaCode"
                label={t('staff.propose_area')}
                hint={t('staff.propose_area_hint')}
                value={values?.areaCode}
                inputMode="numeric"
                maxLength={15}
                optional
                errors={errors}
              />
              <Field
                name="why"
                label={t('staff.why')}
                hint={t('staff.propose_why_hint')}
                value={values?.why}
                maxLength={200}
                errors={errors}
              />
              <div class="btns">
                <Button>{t('staff.propose')}</Button>
              </div>
            </PostForm>
          </Pane>
          {!view.isClosed && (
            <Pane title={t('staff.propose_reset')} note={t('staff.propose_reset_note')}>
              <PostForm action={`/staff/accounts/${view.id}/reset`} class="stack">
                <Field
                  name="why-reset"
                  label={t('staff.why')}
                  hint={t('staff.propose_why_hint')}
                  value={values?.['why-reset']}
                  maxLength={200}
                  errors={errors}
                />
                <div class="btns">
                  <Button kind="danger">{t('staff.propose')}</Button>
                </div>
              </PostForm>
            </Pane>
          )}
          {!view.isClosed && (
            <Pane title={t('staff.propose_close')} note={t('staff.propose_close_note')}>
              <PostForm action={`/staff/accounts/${view.id}/close`} class="stack">
                <Field
                  name="why-close"
                  label={t('staff.why')}
                  hint={t('staff.propose_why_hint')}
                  value={values?.['why-close']}
                  maxLength={200}
                  errors={errors}
                />
                <div class="btns">
                  <Button kind="danger">{t('staff.propose')}</Button>
                </div>
              </PostForm>
            </Pane>
          )}
        </>
      )}
    </StaffLayout>
  )
}

export const staffAccountPage = (ctx: StaffPageContext, view: StaffAccountView): string =>
  renderStaffPage(ctx, <StaffAccountPage view={view} />, { title: view.name, hasError: !!view.errors?.length })

export interface NewAccountView {
  roles: readonly { value: string; label: string }[]
  billers: readonly { value: string; label: string }[]
  values?: { name?: string; username?: string; role?: string; billerId?: string; areaCode?: string; why?: string }
  errors?: readonly FieldError[]
}

/** Somebody new. Fields `name`, `username`, `role`, `areaCode`, `why`. */
export function NewAccountPage({ view }: { view: NewAccountView }) {
  const { t } = usePage()
  const { values, errors } = view
  return (
    <StaffLayout>
      <h1>{t('staff.account_new')}</h1>
      <ErrorSummary errors={errors} />
      <Pane title={t('staff.propose_open')} note={t('staff.waiting_note')}>
        <PostForm action={staffPaths.accountNew} class="stack">
          <Field name="name" label={t('staff.name')} value={values?.name} maxLength={60} errors={errors} />
          <Field
            name="username"
            label={t('staff.username')}
            hint={t('staff.username_hint')}
            value={values?.username}
            autoComplete="off"
            maxLength={60}
            errors={errors}
          />
          <Choices name="role" legend={t('staff.role')} isDense choices={view.roles} chosen={values?.role} errors={errors} />
          <BillerChoice billers={view.billers} chosen={values?.billerId} errors={errors} />
          <Field
            name="areaCode"
            label={t('staff.propose_area')}
            hint={t('staff.propose_area_hint')}
            value={values?.areaCode}
            inputMode="numeric"
            maxLength={15}
            optional
            errors={errors}
          />
          <Field name="why" label={t('staff.why')} hint={t('staff.propose_why_hint')} value={values?.why} maxLength={200} errors={errors} />
          <div class="btns">
            <Button>{t('staff.propose')}</Button>
          </div>
        </PostForm>
      </Pane>
    </StaffLayout>
  )
}

export const newAccountPage = (ctx: StaffPageContext, view: NewAccountView): string =>
  renderStaffPage(ctx, <NewAccountPage view={view} />, { title: t(ctx.lang)('staff.account_new'), hasError: !!view.errors?.length })

export interface EnrolmentCodeView {
  name: string
  code: string
  /** Where the code is used, as people type it. */
  address: string
}

/** The code after an approved reset: shown this once, kept nowhere. */
export function EnrolmentCodePage({ view }: { view: EnrolmentCodeView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <h1>{t('staff.code_title', { name: view.name })}</h1>
      <Banner tone="warn" title={t('staff.code_text')} />
      <Pane title={t('staff.code_label')}>
        <p>
          <code class="code">{view.code}</code>
        </p>
        <p>{t('staff.code_how', { path: view.address })}</p>
      </Pane>
      <div class="btns">
        <LinkButton href={staffPaths.accounts} kind="secondary">
          {t('staff.code_done')}
        </LinkButton>
      </div>
    </StaffLayout>
  )
}

export const enrolmentCodePage = (ctx: StaffPageContext, view: EnrolmentCodeView): string =>
  renderStaffPage(ctx, <EnrolmentCodePage view={view} />, { title: t(ctx.lang)('staff.code_title', { name: view.name }) })
