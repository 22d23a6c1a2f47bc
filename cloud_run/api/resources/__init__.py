"""The API's resources: one module each, with one function `register(app, parts)`.

How one looks, `cloud_run/api/resources/shelves.py`, its models in `cloud_run/api/models/shelves.py`:

    def register(app: OpenAPI, parts: Parts) -> None:
        api = resource("shelves", "Shelves and what is on them.")

        @api.get("/shelves", summary="Shelves", responses=answers(ShelfPage, 422))
        def shelves(query: ShelfQuery) -> Response:
            found = parts.rows.find(sites=site_scope(query.site), …)
            return answer(ShelfPage(items=…, next_cursor=…))

        @api.post("/shelves/<string:shelf_id>/recount", summary="…", responses=answers(Job, 404, status=202))
        @requires(Role.ANALYST)                    # below the route; without it, every user may ask
        def recount(path: ShelfPath, body: Recount) -> Response:
            if not current_user().sees(site):
                raise not_found("shelf")           # what belongs to another site does not exist
            …
            return answer(job, 202)

        app.register_api(api)

Below /api/v1 everything needs a user (`security.protect`), unless the view is marked `@public`. The arguments
path, query, body, form are pydantic models, checked before the view is called and described in /openapi.json
(types have to be imported at module level, not under TYPE_CHECKING). `site_scope(wanted)` is what every query
has to be limited to: None means all sites, an empty tuple none. Errors are `Problem`s, raised. Then add the
module to `RESOURCES` in cloud_run/api/app.py.

What changes by itself is offered to the live streams: `parts.live.offer("stock", 2.0, read)`, where
`read(scope)` gives plain JSON for the sites in `scope`. It is told when it is not what it was, or with
`always=True` each time.
"""
