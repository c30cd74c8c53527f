#!/usr/bin/env escript
%%! -kernel logger_level none
%% SPDX-License-Identifier: Apache-2.0
%% Erlang's application megaco as either end of Iq.
%% megaco.escript mgc udp|tcp PORT CODEC: a controller. A gateway registers, then one call's Add, Modify and Subtract are executed on
%% it. What it answers is printed, ids and all, as megaco understood it.
%% megaco.escript hand udp|tcp PORT CODEC: a controller by hand. A line on its standard input is a transaction's actions in base 64, and
%% "reply TEXT" comes of it; what the gateway tells is acknowledged, and printed as "notify TEXT".
%% megaco.escript mg udp|tcp PORT CODEC CONTROLLER-PORT: a gateway. It registers; each request is printed, as megaco understood it, as
%% "request N TEXT" with TEXT in base 64, and answered with what stands in "N TEXT" on its standard input, by way of megaco's own reading.
-module(megaco_end).
-mode(compile).
-export([main/1, handle_connect/3, handle_connect/4, handle_disconnect/4, handle_syntax_error/4, handle_syntax_error/5,
         handle_message_error/4, handle_message_error/5, handle_trans_request/4, handle_trans_request/5,
         handle_trans_reply/5, handle_trans_reply/6, handle_trans_ack/5, handle_trans_ack/6, handle_unexpected_trans/4,
         handle_unexpected_trans/5, handle_trans_request_abort/5, handle_trans_request_abort/6]).

main(["mgc", Transport, Port, Codec]) ->
    Conn = controller(Transport, list_to_integer(Port), Codec),
    Add = call(Conn, add()),
    [Context] = found(Add, "C=(\\d+)"),
    [Access] = found(Add, "A=(ip/1/access[^{]*)"),
    [Core] = found(Add, "A=(ip/1/core[^{]*)"),
    call(Conn, ["C=", Context, "{MF=", Core, "{M{ST=1{O{MO=SR},R{\nv=0\nc=IN IP4 10.20.0.30\nm=audio 4000 RTP/AVP 0\n}}}},MF=", Access,
                "{M{ST=1{O{MO=SR}}}}}"]),
    call(Conn, ["C=", Context, "{S=", Access, "{AT{SA}},S=", Core, "{AT{SA}}}"]),
    io:format("done~n"),
    halt(0);
main(["hand", Transport, Port, Codec]) ->
    Conn = controller(Transport, list_to_integer(Port), Codec),
    Self = self(),
    spawn_link(fun() -> lines(Self) end),
    by_hand(Conn);
main(["mg", Transport, Port, Codec, ControllerPort]) ->
    register(gateway, self()),
    Handle = user(Transport, list_to_integer(Port), Codec),
    {Socket, S, Options} = transport(Transport, list_to_integer(Port), Handle),
    To = list_to_integer(ControllerPort),
    {Send, Control} = case Socket of
        megaco_udp ->
            {ok, H, C} = megaco_udp:open(S, Options),
            {megaco_udp:create_send_handle(H, {127, 0, 0, 1}, To), C};
        megaco_tcp ->
            {ok, H, C} = megaco_tcp:connect(S, [{host, {127, 0, 0, 1}}, {port, To}, {receive_handle, Handle}]),
            {H, C}
    end,
    Conn = case megaco:connect(Handle, {ip4Address, {'IP4Address', [127, 0, 0, 1], To}}, Send, Control) of
        {ok, New} -> New;
        {error, {already_connected, Known}} -> Known   % it was the controller who spoke first
    end,
    Actions = element(3, decoded("!/1 [127.0.0.1]:2944 T=1{C=-{SC=ROOT{SV{MT=RS,RE=\"901 Cold boot\",V=3}}}}")),
    %% from the reply on it is version 3, and the controller asks at once
    {1, {ok, _}} = megaco:call(Conn, Actions, [{protocol_version, 1}]),
    ok = megaco:update_conn_info(Conn, protocol_version, 3),
    io:format("registered~n"),
    Self = self(),
    spawn_link(fun() -> lines(Self) end),
    serve(#{}, 1).

%% @return the connection of the gateway that has registered
controller(Transport, Port, Codec) ->
    {Socket, S, Options} = transport(Transport, Port, user(Transport, Port, Codec)),
    case Socket of
        megaco_udp -> {ok, _, _} = megaco_udp:open(S, Options);
        megaco_tcp -> ok = megaco_tcp:listen(S, Options)
    end,
    io:format("listening~n"),
    Conn = receive {registered, C} -> C after 30000 -> stop("no registration") end,
    io:format("registered~n"),
    Conn.

by_hand(Conn) ->
    receive
        {asked, From, Actions} ->
            Text = encoded({transactionRequest, {'TransactionRequest', 1, Actions}}),
            {match, Told} = re:run(Text, "C=(\\d+|-)\\{(?:O-)?N=([^{]+)\\{", [global, {capture, [1, 2], list}]),
            io:format("notify ~s~n", [base64:encode(Text)]),
            Heard = lists:join(",", [["C=", C, "{N=", T, "}"] || [C, T] <- Told]),
            {actionReplies, Replies} = element(4, decoded(["!/3 [127.0.0.1]:2944 P=1{", Heard, "}"])),
            From ! {answer, Replies},
            by_hand(Conn);
        {line, Line} ->
            io:format("reply ~s~n", [base64:encode(replied(Conn, base64:decode(string:trim(Line))))]),
            by_hand(Conn);
        over ->
            halt(0)
    end.

user(Transport, Port, Codec) ->
    Mid = {ip4Address, {'IP4Address', [127, 0, 0, 1], Port}},
    ok = application:start(megaco),
    ok = megaco:start_user(Mid, [{user_mod, ?MODULE}, {user_args, [self()]}]),
    lists:foldl(fun({I, V}, T) -> setelement(I, T, V) end, megaco:user_info(Mid, receive_handle),
                      [{3, list_to_atom("megaco_" ++ Codec ++ "_text_encoder")}, {4, []}, {5, list_to_atom("megaco_" ++ Transport)}]).

transport(Name, Port, Handle) ->
    Socket = list_to_atom("megaco_" ++ Name),
    {ok, S} = Socket:start_transport(),
    {Socket, S, [{port, Port}, {receive_handle, Handle}]}.

%% Requests out, replies in: who asks waits for an answer of his number.
serve(Waiting, N) ->
    receive
        {asked, From, Actions} ->
            io:format("request ~b ~s~n", [N, base64:encode(encoded({transactionRequest, {'TransactionRequest', N, Actions}}))]),
            serve(Waiting#{N => From}, N + 1);
        {line, Line} ->
            [Number, Text] = string:lexemes(Line, " \n"),
            {K, _} = string:to_integer(Number),
            {actionReplies, Replies} = element(4, decoded(base64:decode(Text))),
            maps:get(K, Waiting) ! {answer, Replies},
            serve(maps:remove(K, Waiting), N);
        over ->
            halt(0)
    end.

lines(To) ->
    case io:get_line("") of
        eof -> To ! over;
        Line -> To ! {line, Line}, lines(To)
    end.

encoded(Transaction) ->
    {ok, Bin} = megaco_compact_text_encoder:encode_message([], 3, {'MegacoMessage', asn1_NOVALUE,
        {'Message', 3, {ip4Address, {'IP4Address', [127, 0, 0, 1], 2944}}, {transactions, [Transaction]}}}),
    Bin.

add() ->
    "C=${A=ip/$/$/${M{ST=1{O{MO=IN,ipdc/realm=\"access\"},L{\nv=0\nc=IN IP4 $\nm=audio $ UDP/TLS/RTP/SAVPF 111\n"
    "a=rtpmap:111 opus/48000/2\na=rtcp-mux\na=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\na=fingerprint:sha-256 $\na=setup:passive\n}}},"
    "E=1{hangterm/thb{timerx=600},g/cause},SG{mgastuns/astuns{ST=1}}},A=ip/$/$/${M{ST=1{O{MO=IN,ipdc/realm=\"core\"},"
    "L{\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\n}}},E=2{g/cause}}}".

stop(Why) ->
    io:format("failed: ~p~n", [Why]),
    halt(1).

%% The part of a message that is of interest, by way of its text.
decoded(Text) ->
    {ok, {'MegacoMessage', _, {'Message', _, _, {transactions, [{_, T}]}}}} =
        megaco_compact_text_encoder:decode_message([], dynamic, iolist_to_binary(Text)),
    T.

call(Conn, Body) ->
    Bin = replied(Conn, Body),
    io:format("reply ~p~n", [Bin]),
    case re:run(Bin, "ER=") of nomatch -> Bin; _ -> stop(Bin) end.

%% The gateway's reply as megaco writes it.
replied(Conn, Body) ->
    Actions = element(3, decoded(["!/3 [127.0.0.1]:2944 T=1{", Body, "}"])),
    case megaco:call(Conn, Actions, [{protocol_version, 3}]) of
        {3, {ok, Replies}} ->
            T = setelement(4, decoded("!/3 [127.0.0.1]:2944 P=1{C=1{S=ip/1/a/1}}"), {actionReplies, Replies}),
            encoded({transactionReply, T});
        Error ->
            stop(Error)
    end.

found(Text, Pattern) ->
    {match, M} = re:run(Text, Pattern, [{capture, [1], list}]),
    M.

%% ---- what megaco asks of its user ---------------------------------------------------------------------

handle_trans_request(Conn, Version, Actions, Parent) ->
    case {re:run(io_lib:format("~p", [Actions]), "serviceChangeReq"), whereis(gateway)} of
        {{match, _}, undefined} ->
            ok = megaco:update_conn_info(Conn, protocol_version, 3),
            Parent ! {registered, Conn},
            {discard_ack, changed(1, "{SV{V=3}}")};
        {{match, _}, _} ->
            %% the controller has started; we register without its word, and the two may cross
            {discard_ack, changed(Version, "")};
        _ ->
            Parent ! {asked, self(), Actions},
            receive {answer, Replies} -> {discard_ack, Replies} end
    end.
handle_trans_request(C, V, A, _, P) -> handle_trans_request(C, V, A, P).

%% The records of a message differ by its version.
changed(Version, Services) ->
    {actionReplies, Replies} =
        element(4, decoded(io_lib:format("!/~b [127.0.0.1]:2944 P=1{C=-{SC=ROOT~s}}", [Version, Services]))),
    Replies.

handle_connect(_, _, _) -> ok.
handle_connect(_, _, _, _) -> ok.
handle_disconnect(_, _, _, _) -> ok.
handle_syntax_error(_, _, E, _) -> io:format("syntax error ~p~n", [E]), reply.
handle_syntax_error(H, V, E, _, P) -> handle_syntax_error(H, V, E, P).
handle_message_error(_, _, E, _) -> io:format("message error ~p~n", [E]), no_reply.
handle_message_error(C, V, E, _, P) -> handle_message_error(C, V, E, P).
handle_trans_reply(_, _, _, _, _) -> ok.
handle_trans_reply(_, _, _, _, _, _) -> ok.
handle_trans_ack(_, _, _, _, _) -> ok.
handle_trans_ack(_, _, _, _, _, _) -> ok.
handle_unexpected_trans(_, _, _, _) -> ok.
handle_unexpected_trans(_, _, _, _, _) -> ok.
handle_trans_request_abort(_, _, _, _, _) -> ok.
handle_trans_request_abort(_, _, _, _, _, _) -> ok.
