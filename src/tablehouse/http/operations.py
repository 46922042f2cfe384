"""The API's operations: one row each. Routes, permissions, OpenAPI, `/llms.txt` and the reference page are made from this list."""

from __future__ import annotations

from typing import Final

import msgspec

from tablehouse.http.call import NOTHING, Call, Reply, StrangerCall, batch, one, page, page_of, record
from tablehouse.http.form import read_form
from tablehouse.http.operation import Operation
from tablehouse.http.session_cookie import drop_cookie, set_cookie
from tablehouse.query import requests as q
from tablehouse.service import answers as a
from tablehouse.service import (
    audit,
    databases,
    fields,
    indexes,
    invitations,
    jobs,
    members,
    records,
    sessions,
    tables,
    tokens,
    views,
    workspaces,
)
from tablehouse.service.access import FULL, OPEN, READ, WRITE
from tablehouse.service.aggregate import GroupsMetadata, aggregate_records
from tablehouse.service.batch import write_batch
from tablehouse.service.files import upload_files
from tablehouse.service.formula_checks import check_formula
from tablehouse.service.idempotency import Repeatable, repeatable
from tablehouse.service.pages import PageMetadata, list_records
from tablehouse.service.search import list_by_view, search_records


def _me(call: Call) -> Reply:
    return one(workspaces.me(call.app, call.caller))


def _list_workspaces(call: Call) -> Reply:
    return one(workspaces.list_workspaces(call.app, call.caller))


def _create_workspace(call: Call) -> Reply:
    return one(workspaces.create_workspace(call.app, call.caller, call.payload.decode(q.CreateWorkspace)))


def _get_workspace(call: Call) -> Reply:
    return one(workspaces.get_workspace(call.app, call.caller, call.path["workspace"]))


def _put_workspace(call: Call) -> Reply:
    return one(workspaces.update_workspace(call.app, call.caller, call.path["workspace"], call.payload.decode(q.PutWorkspace)))


def _delete_workspace(call: Call) -> Reply:
    workspaces.delete_workspace(call.app, call.caller, call.path["workspace"], call.query.force)
    return NOTHING


def _list_members(call: Call) -> Reply:
    return one(members.list_members(call.app, call.caller, call.path["workspace"]))


def _add_member(call: Call) -> Reply:
    return one(members.add_member(call.app, call.caller, call.path["workspace"], call.payload.decode(q.CreateMember)))


def _put_member(call: Call) -> Reply:
    body = call.payload.decode(q.PutMember)
    return one(members.change_member(call.app, call.caller, call.path["workspace"], call.path["user"], body))


def _delete_member(call: Call) -> Reply:
    members.remove_member(call.app, call.caller, call.path["workspace"], call.path["user"])
    return NOTHING


def _list_tokens(call: Call) -> Reply:
    return one(tokens.list_tokens(call.app, call.caller, call.path["workspace"]))


def _create_token(call: Call) -> Reply:
    return one(tokens.create_token(call.app, call.caller, call.path["workspace"], call.payload.decode(q.CreateToken)))


def _delete_token(call: Call) -> Reply:
    tokens.revoke_token(call.app, call.caller, call.path["workspace"], call.path["token"])
    return NOTHING


def _log_in(call: StrangerCall) -> Reply:
    body = call.payload.decode(q.LogIn)
    call.count(body.email.casefold())
    session, secret = sessions.log_in(call.app, body)
    return one(session, headers=(set_cookie(secret, secure=call.secure),))


def _log_out(call: Call) -> Reply:
    sessions.log_out(call.app, call.caller)
    return Reply(204, headers=(drop_cookie(),))


def _list_invitations(call: Call) -> Reply:
    return one(invitations.list_invitations(call.app, call.caller, call.path["workspace"]))


def _invite(call: Call) -> Reply:
    return one(invitations.invite(call.app, call.caller, call.path["workspace"], call.payload.decode(q.CreateInvitation)))


def _withdraw_invitation(call: Call) -> Reply:
    invitations.withdraw_invitation(call.app, call.caller, call.path["workspace"], call.path["invitation"])
    return NOTHING


def _accept_invitation(call: StrangerCall) -> Reply:
    body = call.payload.decode(q.AcceptInvitation)
    call.count(body.token)
    session, secret = invitations.accept_invitation(call.app, body)
    return one(session, headers=(set_cookie(secret, secure=call.secure),))


def _workspace_audit(call: Call) -> Reply:
    found = audit.workspace_audit(call.app, call.caller, call.path["workspace"], call.query)
    return one(found.events, found.metadata)


def _database_audit(call: Call) -> Reply:
    found = audit.database_audit(call.app, call.caller, call.path["database"], call.query)
    return one(found.events, found.metadata)


def _list_databases(call: Call) -> Reply:
    return one(databases.list_databases(call.app, call.caller, call.query.workspace_id))


def _create_database(call: Call) -> Reply:
    return one(databases.create_database(call.app, call.caller, call.payload.decode(q.CreateDatabase)))


def _get_database(call: Call) -> Reply:
    return one(databases.get_database(call.app, call.caller, call.path["database"]))


def _put_database(call: Call) -> Reply:
    return one(databases.update_database(call.app, call.caller, call.path["database"], call.payload.decode(q.PutDatabase)))


def _delete_database(call: Call) -> Reply:
    databases.delete_database(call.app, call.caller, call.path["database"], call.query.force)
    return NOTHING


def _list_tables(call: Call) -> Reply:
    return one(tables.list_tables(call.app, call.caller, call.path["database"]))


def _create_table(call: Call) -> Reply:
    return one(tables.create_table(call.app, call.caller, call.path["database"], call.payload))


def _get_table(call: Call) -> Reply:
    return one(tables.get_table(call.app, call.caller, call.path["database"], call.path["table"]))


def _put_table(call: Call) -> Reply:
    return one(tables.update_table(call.app, call.caller, call.path["database"], call.path["table"], call.payload))


def _delete_table(call: Call) -> Reply:
    tables.delete_table(call.app, call.caller, call.path["database"], call.path["table"], call.query.force)
    return NOTHING


def _list_views(call: Call) -> Reply:
    return one(views.list_views(call.app, call.caller, call.path["database"], call.path["table"]))


def _get_view(call: Call) -> Reply:
    return one(views.get_view(call.app, call.caller, call.path["database"], call.path["table"], call.path["view"]))


def _create_view(call: Call) -> Reply:
    return one(views.create_view(call.app, call.caller, call.path["database"], call.path["table"], call.payload))


def _put_view(call: Call) -> Reply:
    path = call.path
    return one(views.update_view(call.app, call.caller, path["database"], path["table"], path["view"], call.payload))


def _delete_view(call: Call) -> Reply:
    views.delete_view(call.app, call.caller, call.path["database"], call.path["table"], call.path["view"])
    return NOTHING


def _list_fields(call: Call) -> Reply:
    return one(fields.list_fields(call.app, call.caller, call.path["database"], call.path["table"]))


def _create_field(call: Call) -> Reply:
    return one(fields.create_field(call.app, call.caller, call.path["database"], call.path["table"], call.payload))


def _get_field(call: Call) -> Reply:
    return one(fields.get_field(call.app, call.caller, call.path["database"], call.path["table"], call.path["field"]))


def _put_field(call: Call) -> Reply:
    change = fields.update_field(
        call.app,
        call.caller,
        call.path["database"],
        call.path["table"],
        call.path["field"],
        call.payload,
        dry_run=call.query.dry_run,
        match_on=call.query.match_on,
        force=call.query.force,
    )
    return one(change.field, change.metadata)


def _delete_field(call: Call) -> Reply:
    fields.delete_field(call.app, call.caller, call.path["database"], call.path["table"], call.path["field"])
    return NOTHING


def _list_indexes(call: Call) -> Reply:
    found = indexes.indexes_of(call.app, call.caller, call.path["database"], call.path["table"])
    return one(found.indexes, found.metadata)


def _pin_index(call: Call) -> Reply:
    return one(indexes.pin_named(call.app, call.caller, call.path["database"], call.path["table"], call.payload.decode(q.PinIndex)))


def _drop_index(call: Call) -> Reply:
    indexes.drop_named(call.app, call.caller, call.path["database"], call.path["table"], call.path["index"])
    return NOTHING


def _list_jobs(call: Call) -> Reply:
    return one(jobs.list_jobs(call.app, call.caller, call.path["database"]))


def _get_job(call: Call) -> Reply:
    return one(jobs.get_job(call.app, call.caller, call.path["database"], call.path["job"]))


def _list_records(call: Call) -> Reply:
    listed = list_records if call.query.view_id is None else list_by_view
    return page_of(call, listed(call.app, call.caller, call.path["database"], call.path["table"], call.query))


def _search_records(call: Call) -> Reply:
    return page_of(call, search_records(call.app, call.caller, call.path["database"], call.path["table"], call.payload, call.query))


def _repeatable(call: Call, what: str) -> Repeatable | None:
    asked = msgspec.json.encode([what, call.path, call.query])
    return repeatable(call.caller, call.idempotency_key, asked, call.payload.raw)


def _check_formula(call: Call) -> Reply:
    return one(check_formula(call.app, call.caller, call.path["database"], call.path["table"], call.payload))


def _aggregate_records(call: Call) -> Reply:
    found = aggregate_records(call.app, call.caller, call.path["database"], call.path["table"], call.payload, call.query)
    return page(call.linked(found.groups), found.metadata)


def _create_record(call: Call) -> Reply:
    path = call.path
    made = records.create_record(
        call.app, call.caller, path["database"], path["table"], call.payload, call.query.field_names, _repeatable(call, "create")
    )
    return record(call, made)


def _get_record(call: Call) -> Reply:
    path = call.path
    found = records.get_record(call.app, call.caller, path["database"], path["table"], path["record"], call.query.field_names)
    return record(call, found)


def _update_record(call: Call) -> Reply:
    path, names = call.path, call.query.field_names
    changed = records.update_record(
        call.app, call.caller, path["database"], path["table"], path["record"], call.payload, field_names=names, if_match=call.if_match
    )
    return record(call, changed)


def _delete_record(call: Call) -> Reply:
    path = call.path
    records.delete_record(
        call.app, call.caller, path["database"], path["table"], path["record"], force=call.query.force, if_match=call.if_match
    )
    return NOTHING


def _write_batch(call: Call) -> Reply:
    path, query, request = call.path, call.query, _repeatable(call, "batch")
    done = write_batch(
        call.app, call.caller, path["database"], path["table"], call.payload, query.field_names, force=query.force, request=request
    )
    return batch(call, done.created, done.updated, done.deleted)


def _upload_files(call: Call) -> Reply:
    path, parts = call.path, read_form(call.request.env)
    changed = upload_files(
        call.app, call.caller, path["database"], path["table"], path["record"], path["field"], parts, call.query.field_names
    )
    return record(call, changed)


_NAMES: Final = ("CONSTRAINT_VIOLATION",)
_DEFINES: Final = ("VALIDATION_ERROR", "CONSTRAINT_VIOLATION")
_WRITES: Final = ("VALIDATION_ERROR", "UNKNOWN_FIELD", "CONSTRAINT_VIOLATION")
_ADDS: Final = (*_WRITES, "QUOTA_EXCEEDED")

_WORKSPACE: Final = "/workspaces/{workspace}"
_DATABASE: Final = "/databases/{database}"
_TABLE: Final = _DATABASE + "/tables/{table}"
_FIELD: Final = _TABLE + "/fields/{field}"
_VIEW: Final = _TABLE + "/views/{view}"
_RECORD: Final = _TABLE + "/records/{record}"

OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(id="getMe", method="GET", path="/me", level=READ, tag="Workspaces", run=_me, answer=a.MeAnswer, addition=True,
              summary="Who the token belongs to and which workspaces it reaches"),
    Operation(id="logIn", method="POST", path="/session", level=OPEN, tag="Workspaces", run=_log_in, body=q.LogIn,
              answer=a.SessionAnswer, addition=True, errors=("BAD_REQUEST",),
              summary="Log in with a password; the answer sets a cookie for pages in a browser"),
    Operation(id="logOut", method="DELETE", path="/session", level=READ, tag="Workspaces", run=_log_out, addition=True,
              errors=("BAD_REQUEST", "FORBIDDEN"), summary="Log out"),
    Operation(id="acceptInvitation", method="POST", path="/invitations/accept", level=OPEN, tag="Workspaces", run=_accept_invitation,
              body=q.AcceptInvitation, answer=a.SessionAnswer, addition=True, errors=("FORBIDDEN", "CONSTRAINT_VIOLATION"),
              summary="Join the workspace that an invitation is for, and log in"),
    Operation(id="listWorkspaces", method="GET", path="/workspaces", level=READ, tag="Workspaces", run=_list_workspaces,
              answer=list[a.WorkspaceAnswer], addition=True, summary="The workspaces that the token reaches"),
    Operation(id="createWorkspace", method="POST", path="/workspaces", level=FULL, tag="Workspaces", run=_create_workspace,
              body=q.CreateWorkspace, answer=a.WorkspaceAnswer, addition=True, summary="Make a workspace"),
    Operation(id="getWorkspace", method="GET", path=_WORKSPACE, level=READ, tag="Workspaces", run=_get_workspace,
              answer=a.WorkspaceAnswer, addition=True, summary="One workspace"),
    Operation(id="updateWorkspace", method="PUT", path=_WORKSPACE, level=FULL, tag="Workspaces", run=_put_workspace,
              body=q.PutWorkspace, answer=a.WorkspaceAnswer, addition=True, summary="Rename a workspace"),
    Operation(id="deleteWorkspace", method="DELETE", path=_WORKSPACE, level=FULL, tag="Workspaces", run=_delete_workspace,
              query=q.Force, addition=True, summary="Delete a workspace; force=true deletes its databases too"),
    Operation(id="listMembers", method="GET", path=_WORKSPACE + "/members", level=READ, tag="Workspaces", run=_list_members,
              answer=list[a.MemberAnswer], addition=True, summary="The members of a workspace and their roles"),
    Operation(id="addMember", method="POST", path=_WORKSPACE + "/members", level=FULL, tag="Workspaces", run=_add_member,
              body=q.CreateMember, answer=a.MemberAnswer, addition=True, errors=_NAMES, summary="Add a member by e-mail address"),
    Operation(id="updateMember", method="PUT", path=_WORKSPACE + "/members/{user}", level=FULL, tag="Workspaces", run=_put_member,
              body=q.PutMember, answer=a.MemberAnswer, addition=True, errors=_NAMES, summary="Give a member another role"),
    Operation(id="removeMember", method="DELETE", path=_WORKSPACE + "/members/{user}", level=FULL, tag="Workspaces",
              run=_delete_member, addition=True, errors=_NAMES, summary="Take a member out of a workspace"),
    Operation(id="listInvitations", method="GET", path=_WORKSPACE + "/invitations", level=FULL, tag="Workspaces", run=_list_invitations,
              answer=list[a.InvitationAnswer], addition=True, summary="The invitations to a workspace that wait to be accepted"),
    Operation(id="createInvitation", method="POST", path=_WORKSPACE + "/invitations", level=FULL, tag="Workspaces", run=_invite,
              body=q.CreateInvitation, answer=a.InvitationAnswer, addition=True, errors=_NAMES,
              summary="Invite somebody by a link that works once, within a week"),
    Operation(id="withdrawInvitation", method="DELETE", path=_WORKSPACE + "/invitations/{invitation}", level=FULL, tag="Workspaces",
              run=_withdraw_invitation, addition=True, summary="Withdraw an invitation"),
    Operation(id="listTokens", method="GET", path=_WORKSPACE + "/tokens", level=READ, tag="Workspaces", run=_list_tokens,
              answer=list[a.TokenAnswer], addition=True, summary="The tokens that reach a workspace"),
    Operation(id="createToken", method="POST", path=_WORKSPACE + "/tokens", level=FULL, tag="Workspaces", run=_create_token,
              body=q.CreateToken, answer=a.TokenAnswer, addition=True, summary="Make a token; it is shown in this answer only"),
    Operation(id="revokeToken", method="DELETE", path=_WORKSPACE + "/tokens/{token}", level=FULL, tag="Workspaces",
              run=_delete_token, addition=True, summary="Revoke a token"),
    Operation(id="auditWorkspace", method="GET", path=_WORKSPACE + "/audit", level=FULL, tag="Workspaces", run=_workspace_audit,
              query=q.ListAudit, answer=list[a.AuditEvent], metadata=a.AuditMetadata, always_metadata=True, addition=True,
              summary="Who changed what of a workspace, its members and tokens; for owners"),
    Operation(id="listDatabases", method="GET", path="/databases", level=READ, tag="Databases", run=_list_databases,
              query=q.ListDatabases, answer=list[a.DatabaseAnswer], errors=("RESOURCE_NOT_FOUND",),
              summary="The databases that the token reaches"),
    Operation(id="createDatabase", method="POST", path="/databases", level=FULL, tag="Databases", run=_create_database,
              body=q.CreateDatabase, answer=a.DatabaseAnswer, errors=("RESOURCE_NOT_FOUND",), summary="Make a database"),
    Operation(id="getDatabase", method="GET", path=_DATABASE, level=READ, tag="Databases", run=_get_database,
              answer=a.DatabaseAnswer, summary="One database"),
    Operation(id="updateDatabase", method="PUT", path=_DATABASE, level=FULL, tag="Databases", run=_put_database,
              body=q.PutDatabase, answer=a.DatabaseAnswer, summary="Change a database's properties"),
    Operation(id="deleteDatabase", method="DELETE", path=_DATABASE, level=FULL, tag="Databases", run=_delete_database,
              query=q.Force, summary="Delete a database; force=true deletes its tables too"),
    Operation(id="auditDatabase", method="GET", path=_DATABASE + "/audit", level=FULL, tag="Databases", run=_database_audit,
              query=q.ListAudit, answer=list[a.AuditEvent], metadata=a.AuditMetadata, always_metadata=True, addition=True,
              summary="Who changed what of a database's schema; for owners"),
    Operation(id="listTables", method="GET", path=_DATABASE + "/tables", level=READ, tag="Tables", run=_list_tables,
              answer=list[a.TableAnswer], summary="The tables of a database, with their fields"),
    Operation(id="createTable", method="POST", path=_DATABASE + "/tables", level=FULL, tag="Tables", run=_create_table,
              body=q.CreateTable, answer=a.TableAnswer, errors=_DEFINES,
              summary="Make a table; without a body it has three starter fields"),
    Operation(id="getTable", method="GET", path=_TABLE, level=READ, tag="Tables", run=_get_table,
              answer=a.TableAnswer, summary="One table, with its fields"),
    Operation(id="updateTable", method="PUT", path=_TABLE, level=FULL, tag="Tables", run=_put_table,
              body=q.PutTable, answer=a.TableAnswer, errors=(*_NAMES, "UNKNOWN_FIELD"),
              summary="Change a table's properties"),
    Operation(id="deleteTable", method="DELETE", path=_TABLE, level=FULL, tag="Tables", run=_delete_table,
              query=q.Force, summary="Delete a table; force=true deletes its records too"),
    Operation(id="listViews", method="GET", path=_TABLE + "/views", level=READ, tag="Views", run=_list_views,
              answer=list[a.ViewAnswer], summary="The views of a table"),
    Operation(id="getView", method="GET", path=_VIEW, level=READ, tag="Views", run=_get_view,
              answer=a.ViewAnswer, addition=True, summary="One view"),
    Operation(id="createView", method="POST", path=_TABLE + "/views", level=FULL, tag="Views", run=_create_view,
              body=q.CreateView, answer=a.ViewAnswer, addition=True, errors=_WRITES, summary="Make a view"),
    Operation(id="updateView", method="PUT", path=_VIEW, level=FULL, tag="Views", run=_put_view,
              body=q.PutView, answer=a.ViewAnswer, addition=True, errors=_WRITES, summary="Change a view"),
    Operation(id="deleteView", method="DELETE", path=_VIEW, level=FULL, tag="Views", run=_delete_view,
              addition=True, errors=("BAD_REQUEST",), summary="Delete a view; its records stay"),
    Operation(id="listFields", method="GET", path=_TABLE + "/fields", level=READ, tag="Fields", run=_list_fields,
              answer=list[a.FieldAnswer], addition=True, summary="The fields of a table"),
    Operation(id="createField", method="POST", path=_TABLE + "/fields", level=FULL, tag="Fields", run=_create_field,
              body=q.CreateField, answer=a.FieldAnswer, errors=_DEFINES, summary="Add a field"),
    Operation(id="getField", method="GET", path=_FIELD, level=READ, tag="Fields", run=_get_field,
              answer=a.FieldAnswer, summary="One field"),
    Operation(id="updateField", method="PUT", path=_FIELD, level=FULL, tag="Fields", run=_put_field, query=q.PutFieldQuery,
              body=q.PutField, answer=a.FieldAnswer, metadata=fields.ChangeMetadata,
              errors=_DEFINES, summary="Change a field; another type converts its cells, dryRun=true only says what would happen"),
    Operation(id="deleteField", method="DELETE", path=_FIELD, level=FULL, tag="Fields", run=_delete_field,
              errors=("BAD_REQUEST",), summary="Delete a field with its cells"),
    Operation(id="listIndexes", method="GET", path=_TABLE + "/indexes", level=READ, tag="Indexes", run=_list_indexes,
              answer=list[indexes.IndexAnswer], metadata=indexes.IndexesMetadata, always_metadata=True, addition=True,
              summary="The indexes of a table: why they are there, how large, how often used"),
    Operation(id="pinIndex", method="POST", path=_TABLE + "/indexes", level=FULL, tag="Indexes", run=_pin_index,
              body=q.PinIndex, answer=indexes.IndexAnswer, addition=True, errors=("UNKNOWN_FIELD",),
              summary="Make an index that stays, or keep the automatic one on these fields"),
    Operation(id="dropIndex", method="DELETE", path=_TABLE + "/indexes/{index}", level=FULL, tag="Indexes", run=_drop_index,
              addition=True, errors=("BAD_REQUEST",), summary="Drop an index"),
    Operation(id="listJobs", method="GET", path=_DATABASE + "/jobs", level=READ, tag="Jobs", run=_list_jobs, answer=list[jobs.JobAnswer],
              addition=True, summary="The jobs of a database, the latest first: what they fill, how far they have come"),
    Operation(id="getJob", method="GET", path=_DATABASE + "/jobs/{job}", level=READ, tag="Jobs", run=_get_job, answer=jobs.JobAnswer,
              addition=True, summary="One job"),
    Operation(id="listRecords", method="GET", path=_TABLE + "/records", level=READ, tag="Records", run=_list_records,
              query=q.ListRecords, answer=list[a.RecordAnswer], metadata=PageMetadata, always_metadata=True, errors=("UNKNOWN_FIELD",),
              summary="A page of records"),
    Operation(id="searchRecords", method="POST", path=_TABLE + "/records/search", level=READ, tag="Records", run=_search_records,
              query=q.SearchQuery, body=q.SearchRecords, answer=list[a.RecordAnswer], metadata=PageMetadata, always_metadata=True,
              errors=("UNKNOWN_FIELD", "VALIDATION_ERROR"), only_reads=True, summary="A page of the records that meet a condition, sorted"),
    Operation(id="checkFormula", method="POST", path=_TABLE + "/formulas/check", level=READ, tag="Fields", run=_check_formula,
              body=q.CheckFormula, answer=a.CheckedFormulaAnswer, only_reads=True, addition=True,
              summary="Checks a formula's text without saving it, and says what may stand at a position"),
    Operation(id="aggregateRecords", method="POST", path=_TABLE + "/records/aggregate", level=READ, tag="Records", run=_aggregate_records,
              query=q.AggregateQuery, body=q.AggregateRecords, answer=list[a.GroupAnswer], metadata=GroupsMetadata, always_metadata=True,
              errors=("UNKNOWN_FIELD", "VALIDATION_ERROR"), only_reads=True, addition=True,
              summary="Sums, means, extremes and counts of groups of records"),
    Operation(id="createRecord", method="POST", path=_TABLE + "/records", level=WRITE, tag="Records", run=_create_record,
              query=q.RecordQuery, body=q.WriteRecord, answer=a.RecordAnswer, tagged=True, repeatable=True, errors=_ADDS,
              summary="Make a record"),
    Operation(id="writeBatch", method="POST", path=_TABLE + "/records/batch", level=WRITE, tag="Records", run=_write_batch,
              query=q.BatchQuery, body=q.Batch, answer=a.BatchRecordsAnswer, addition=True,
              repeatable=True, errors=_ADDS, summary="Create, update, delete and upsert up to 5,000 records in one transaction"),
    Operation(id="getRecord", method="GET", path=_RECORD, level=READ, tag="Records", run=_get_record,
              query=q.RecordQuery, answer=a.RecordAnswer, tagged=True, summary="One record"),
    Operation(id="updateRecord", method="PATCH", path=_RECORD, level=WRITE, tag="Records", run=_update_record,
              query=q.RecordQuery, body=q.WriteRecord, answer=a.RecordAnswer, tagged=True, conditional=True, errors=_WRITES,
              summary="Change some cells of a record"),
    Operation(id="replaceRecord", method="PUT", path=_RECORD, level=WRITE, tag="Records", run=_update_record,
              query=q.RecordQuery, body=q.WriteRecord, answer=a.RecordAnswer, tagged=True, conditional=True, errors=_WRITES,
              summary="The same as PATCH: cells left out stay"),
    Operation(id="deleteRecord", method="DELETE", path=_RECORD, level=WRITE, tag="Records", run=_delete_record,
              query=q.ForceRecord, conditional=True, errors=_NAMES,
              summary="Delete a record; force=true also where a required link of another record is left empty"),
    Operation(id="uploadFiles", method="POST", path=_RECORD + "/fields/{field}/attachments", level=WRITE, tag="Records", run=_upload_files,
              query=q.RecordQuery, form=True, answer=a.RecordAnswer, tagged=True, addition=True, errors=("VALIDATION_ERROR", "QUOTA_EXCEEDED"),
              summary="Upload files into an ATTACHMENT cell, beside those that it holds"),
)  # fmt: skip
